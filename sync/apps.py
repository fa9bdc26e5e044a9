from typing import Any

from django.apps import AppConfig

SUPPORT = "support"


class SyncConfig(AppConfig):
    name = "sync"

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        post_migrate.connect(make_support_role, sender=self)
        from sync import connecting  # noqa: F401  (registers receivers of allauth's signals)


def make_support_role(sender: AppConfig, using: str, **_signal: Any) -> None:
    """A group that may look at runs, members and files, and sees nobody's name: see admin.py."""
    from django.contrib.auth.management import create_permissions
    from django.contrib.auth.models import Group, Permission

    create_permissions(sender, verbosity=0, using=using)
    group, _ = Group.objects.using(using).get_or_create(name=SUPPORT)
    names = ("view_syncrun", "view_subscription", "view_yearfile")
    group.permissions.set(
        Permission.objects.using(using).filter(content_type__app_label="sync", codename__in=names)
    )
