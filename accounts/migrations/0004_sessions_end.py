from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def end_sessions(apps: Apps, _schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Those from before could be read by whoever reads the table, and are not read any more by anybody else."""
    apps.get_model("sessions", "Session").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_departures"),
        ("sessions", "0001_initial"),
    ]
    operations = [
        migrations.RunPython(end_sessions, migrations.RunPython.noop),
    ]
