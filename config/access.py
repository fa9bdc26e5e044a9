"""Who may see what monitors see: whoever shows STATUS_TOKEN."""

import hmac

from django.conf import settings
from django.http import HttpRequest


def has_status_token(request: HttpRequest) -> bool:
    """`Authorization: Bearer <STATUS_TOKEN>`, compared in constant time; without a setting nobody has it."""
    wanted: str = settings.STATUS_TOKEN
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return (
        bool(wanted)
        and scheme.lower() == "bearer"
        and hmac.compare_digest(given.strip().encode(), wanted.encode())
    )
