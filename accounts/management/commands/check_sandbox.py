import ipaddress
from typing import Any
from urllib.parse import urlsplit

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Refuse to run the stand-ins beside members of a real provider."

    def handle(self, *_args: Any, **_options: Any) -> None:
        if not settings.SANDBOX:
            return
        servers = SocialAccount.objects.order_by().values_list("extra_data__server", flat=True).distinct()
        real = sorted(str(server) for server in servers if not is_loopback(server))
        if real:
            raise CommandError(
                f"This database holds members of a real provider ({', '.join(real)}), so the stand-ins must "
                "not run on it. Set the OAuth credentials of the real providers, or use another DATABASE_URL."
            )


def is_loopback(server: str | None) -> bool:
    host = urlsplit(server or "").hostname
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
