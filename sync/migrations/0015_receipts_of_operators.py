"""Receipts say which operator deleted something, and for what sort of reason.

Of members who never connected GitHub, the operator's own words stayed after the account: they go.
"""

from django.db import migrations, models

FORGET_WORDS = "update sync_operatoraction set reason = '' where kind = 'delete' and subscription_id is null"


class Migration(migrations.Migration):

    dependencies = [
        ('sync', '0014_tracks_bounded'),
    ]

    operations = [
        migrations.AddField(
            model_name='receipt',
            name='operator',
            field=models.CharField(blank=True, db_default='', default='', max_length=150),
        ),
        migrations.AddField(
            model_name='receipt',
            name='cause',
            field=models.CharField(blank=True, choices=[('asked', 'the member had asked for it'), ('misuse', 'the site was misused'), ('law', 'a law or a court demanded it'), ('other', 'for another reason'), ('restored', 'a restored backup still had what was to be deleted')], db_default='', default='', max_length=10),
        ),
        migrations.RunSQL(FORGET_WORDS, migrations.RunSQL.noop),
    ]
