"""Moments on pages: UTC in the text, so that they are true without script, exact for machines."""

from datetime import UTC, datetime

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def moment(at: datetime | None) -> SafeString | str:
    """`14:05 UTC` today, `3 May, 14:05 UTC` this year, else with the year."""
    if at is None:
        return "not yet"
    at, now = at.astimezone(UTC), timezone.now()
    clock = f"{at:%H:%M} UTC"
    if at.date() == now.date():
        text = clock
    elif at.year == now.year:
        text = f"{at.day} {at:%b}, {clock}"
    else:
        text = f"{at.day} {at:%b %Y}, {clock}"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', at.isoformat(), f"{at:%Y-%m-%d %H:%M:%S} UTC", text
    )


@register.filter
def own_clock(at: datetime) -> str:
    """`Wed 29 Apr, 09:12 (UTC+02:00)`: the clock something was written by, not the reader's."""
    offset = f"{at:%z}"
    zone = "UTC" if offset == "+0000" else f"UTC{offset[:3]}:{offset[3:5]}"
    return f"{at:%a} {at.day} {at:%b}, {at:%H:%M} ({zone})"
