"""What every template may say about the site itself."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from sync import switch


@dataclass(frozen=True, slots=True)
class Operator:
    """Who runs the site, as they name themselves; all of it may be empty."""

    name: str
    contact: str
    url: str

    def __bool__(self) -> bool:
        return bool(self.name or self.contact or self.url)

    @property
    def contact_url(self) -> str:
        """Where a click leads; empty for what is neither an address of the web nor of mail."""
        if urlsplit(self.contact).scheme in ("https", "http"):
            return self.contact
        return f"mailto:{self.contact}" if "@" in self.contact else ""


def who_we_are() -> dict[str, object]:
    """Without a request, and without the database."""
    return {
        "site_name": settings.SITE_NAME,
        "is_sandbox": settings.SANDBOX,
        "operator": Operator(settings.OPERATOR_NAME, settings.OPERATOR_CONTACT, settings.OPERATOR_URL),
    }


def site(_request: HttpRequest) -> dict[str, object]:
    # The stop is asked for only by templates that show it.
    return {**who_we_are(), "syncing_stop": SimpleLazyObject(switch.current)}
