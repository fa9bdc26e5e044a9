from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_sessions_end'),
    ]

    operations = [
        migrations.AddField(
            model_name='user',
            name='erasure',
            field=models.JSONField(blank=True, editable=False, null=True),
        ),
    ]
