from typing import Any

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def read_again(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Bare counts cannot tell whether a history was rewritten: the next run reads each one once more."""
    states: Any = apps.get_model("sync", "RepositoryState").objects
    states.exclude(head_oid="").filter(is_fork=False).update(
        held_by_week={}, seen_by_week={}, held=0, cursor="", pinned_oid="", frontier=None, is_read=False
    )
    for subscription in apps.get_model("sync", "Subscription").objects.exclude(lists={}).iterator():
        # A list that is being read keeps more than before: it begins again.
        fresh = {
            name: state
            for name, state in subscription.lists.items()
            if not (isinstance(state, dict) and state.get("reading") and name != "reviews")
        }
        if fresh != subscription.lists:
            subscription.lists = fresh
            subscription.save(update_fields=["lists"])


class Migration(migrations.Migration):
    dependencies = [("sync", "0005_provider_state")]

    operations = [
        migrations.AddField("repositorystate", "newest_oid", models.CharField(blank=True, max_length=64)),
        migrations.AddField("repositorystate", "reading", models.JSONField(default=dict)),
        migrations.RunPython(read_again, migrations.RunPython.noop),
    ]
