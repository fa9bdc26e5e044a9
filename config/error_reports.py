"""Errors reported to a server that speaks Sentry's protocol, if SENTRY_DSN names one.

A report holds the exception's type, its scrubbed text and the lines of code. Never the person, the request's
headers, cookies, body or query, the local variables, or what was logged before.
"""

from collections.abc import Iterable
from typing import Any

from config.logging import scrub

_DROPPED = ("request", "user", "breadcrumbs", "extra", "modules")


def start(dsn: str, secrets: Iterable[str]) -> None:
    import sentry_sdk  # takes a tenth of a second, so only where it is used

    sentry_sdk.init(**options(dsn, secrets))


def options(dsn: str, secrets: Iterable[str]) -> dict[str, Any]:
    kept = tuple(secrets)

    def before_send(event: Any, _hint: Any) -> Any:
        return without_secrets(event, kept)

    return {
        "dsn": dsn,
        # Only these: others would take part in every request to GitHub, Open Humans, Redis and Postgres.
        "default_integrations": False,
        "integrations": integrations(),
        "include_local_variables": False,
        "max_request_body_size": "never",
        "max_breadcrumbs": 0,
        "traces_sample_rate": None,
        # Otherwise every request to GitHub and Open Humans would carry a header for it.
        "trace_propagation_targets": [],
        "before_send": before_send,
    }


def integrations() -> list[Any]:
    from sentry_sdk.integrations.atexit import AtexitIntegration
    from sentry_sdk.integrations.dedupe import DedupeIntegration
    from sentry_sdk.integrations.django import DjangoIntegration
    from sentry_sdk.integrations.excepthook import ExcepthookIntegration
    from sentry_sdk.integrations.logging import LoggingIntegration

    return [
        # A thread sends reports; without it those of a process's last moments are lost. It says nothing.
        AtexitIntegration(callback=lambda _pending, _timeout: None),
        DedupeIntegration(),
        DjangoIntegration(middleware_spans=False, signals_spans=False, cache_spans=False),
        ExcepthookIntegration(),
        # Actors log what fails in them, so a report of a log line is all it takes.
        LoggingIntegration(level=None),
    ]


def without_secrets(event: dict[str, Any], secrets: tuple[str, ...]) -> dict[str, Any]:
    kept = {name: value for name, value in event.items() if name not in _DROPPED}
    cleaned: dict[str, Any] = _scrubbed(kept, secrets)
    return cleaned


def _scrubbed(value: Any, secrets: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        return scrub(value, secrets)
    if isinstance(value, dict):
        return {key: _scrubbed(item, secrets) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_scrubbed(item, secrets) for item in value]
    return value
