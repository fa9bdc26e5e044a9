"""What every template may say about the site itself."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from sync import switch


def site(_request: HttpRequest) -> dict[str, object]:
    return {
        "site_name": settings.SITE_NAME,
        "is_sandbox": settings.SANDBOX,
        # Asked only by templates that show it.
        "syncing_stop": SimpleLazyObject(switch.current),
    }
