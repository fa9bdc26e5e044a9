"""Log lines for machines and for people, with what must never stand in one taken out.

Nothing of ours writes a token, a secret or a presigned address into a log. `Scrub` is the last line of
defence, for the text of somebody else's exception.
"""

import json
import logging
import re
from collections.abc import Iterable
from datetime import UTC, datetime

HIDDEN = "[hidden]"
_NAMES = (
    "access_token|refresh_token|client_secret|code|code_verifier|state|signature|sig|key|token|secret|password"
    "|awsaccesskeyid|x-amz-[a-z-]+|x-goog-[a-z-]+"
)
_SHAPES = (
    # GitHub: https://github.blog/changelog/2021-03-31-authentication-token-format-updates/
    (re.compile(r"\b(?:gh[a-z]_|github_pat_)\w{6,}"), HIDDEN),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"""(?i)(authorization["']?\s*[:=]\s*["']?)[^"',}\r\n]+"""), rf"\1{HIDDEN}"),
    (re.compile(rf"""(?i)(?<![\w-])({_NAMES})=[^\s&"'<>)\]}},;]+"""), rf"\1={HIDDEN}"),
    (re.compile(rf"""(?i)(["'](?:{_NAMES})["']\s*:\s*)b?(["']).*?\2"""), rf"\1\2{HIDDEN}\2"),
    (re.compile(r"://[^\s/@:]*:[^\s/@]+@"), f"://{HIDDEN}@"),
    # Postgres repeats the whole row that broke a constraint.
    (re.compile(r"(?m)^(\s*DETAIL:).*$"), rf"\1 {HIDDEN}"),
)
_SHORTEST_SECRET = 8
# Set with `extra=`, see SyncRun.detail; Django sets the last one.
_FACTS = ("run", "subscription", "step", "status_code")


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without anything that has the shape of a token or is one of the `secrets`."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, HIDDEN)
    for shape, replacement in _SHAPES:
        text = shape.sub(replacement, text)
    return text


class Scrub(logging.Filter):
    """Rewrites each record, with its traceback, before any formatter sees it; lets all of them pass."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._secrets = tuple(secrets)

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = scrub(_message(record), self._secrets), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = scrub(record.exc_text, self._secrets)
        return True


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        return f"{record.msg} (with arguments that do not fit)"


def _facts(record: logging.LogRecord) -> dict[str, int]:
    """Numbers only: nothing else can be put into a line beside its message."""
    return {name: value for name in _FACTS if isinstance(value := getattr(record, name, None), int)}


class PlainFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name} {message}", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the standard library's name
        facts = " ".join(f"{name}={value}" for name, value in _facts(record).items())
        return super().formatMessage(record) + (f" ({facts})" if facts else "")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC, ISO 8601), level, logger, message, facts, exception."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_facts(record),
        }
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            line["exception"] = record.exc_text
        return json.dumps(line, ensure_ascii=False)
