import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    # Apart from the first: allauth's identities point at our user, and this points at them.

    dependencies = [
        ('accounts', '0001_initial'),
        ('socialaccount', '0006_alter_socialaccount_extra_data'),
    ]

    operations = [
        migrations.CreateModel(
            name='Credential',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('encrypted_access_token', models.BinaryField()),
                ('encrypted_refresh_token', models.BinaryField(null=True)),
                ('expires_at', models.DateTimeField(null=True)),
                ('scopes', models.JSONField(default=list)),
                ('state', models.CharField(choices=[('valid', 'valid'), ('refused', 'refused')], default='valid', max_length=10)),
                ('authorized_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('identity', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='credential', to='socialaccount.socialaccount')),
            ],
        ),
    ]
