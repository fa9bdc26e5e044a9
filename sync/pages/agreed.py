"""What a member agreed to, as the dashboard tells it, and what GitHub granted."""

from dataclasses import dataclass
from datetime import datetime

from sync.choices import granted_scopes, narrow_url
from sync.consent import wider_than_agreed
from sync.models import Subscription
from sync.omitting import omitted_names
from sync.pages.kind_names import name_of


@dataclass(frozen=True, slots=True)
class Agreed:
    at: datetime | None
    text: str
    kinds: list[str]
    organizations: list[str]
    has_secret_gists: bool
    left_out: list[str]
    # Scopes of the access at GitHub, and those of them that no choice calls for.
    granted: list[str]
    wider: list[str]
    narrow_url: str


def agreed_by(subscription: Subscription) -> Agreed:
    agreement, omissions = subscription.agreement, subscription.omissions
    at = agreement.get("agreed_at")
    left_out = [
        *(["messages, titles and texts"] if omissions.texts else []),
        *(["private counts, and the calendar with them"] if omissions.private_counts else []),
        *omitted_names(subscription),
    ]
    granted = granted_scopes(subscription)
    return Agreed(
        at=datetime.fromisoformat(at) if at else None,
        text=agreement.get("text", ""),
        kinds=[name_of(kind).lower() for kind in subscription.kinds],
        organizations=agreement.get("organizations", []) if subscription.includes_private else [],
        has_secret_gists=bool(agreement.get("secret_gists")),
        left_out=left_out,
        granted=granted,
        wider=wider_than_agreed(granted, agreement),
        narrow_url=narrow_url(),
    )
