"""Which uploads the real server accepts, refuses with a text, or breaks on. Its laxness is copied on purpose.

Deliberately not the rules of our own client: a stand-in that shared them could not catch a mistake in them.
"""

import json
import re
from datetime import datetime
from typing import Any

_DATE_KEYS = ("creation_date", "start_date", "end_date")
_PARTIAL_DATE = re.compile(r"\d{4}(-\d{2})?")


class RefusedError(Exception):
    """400: the text belongs to the form field."""


class CrashError(Exception):
    """500: the real server fails on this value."""


def read_metadata(text: str) -> Any:
    """The decoded metadata. Raises RefusedError with the first rule that fails, or CrashError."""
    try:
        metadata = json.loads(text, parse_constant=_crash)
    except ValueError:
        raise RefusedError("could not parse the uploaded metadata") from None
    if "\\u0000" in text or metadata is None or isinstance(metadata, str | int | float):
        raise CrashError
    if "description" not in metadata:
        raise RefusedError('"description" is a required field of the metadata')
    if not isinstance(metadata, dict):
        raise CrashError
    _check_fields(metadata)
    return metadata


def _check_fields(metadata: dict[str, Any]) -> None:
    if not isinstance(metadata["description"], str):
        raise RefusedError('"description" must be a string')
    if "tags" not in metadata:
        raise RefusedError('"tags" is a required field of the metadata')
    if not isinstance(metadata["tags"], list):
        raise RefusedError('"tags" must be an array of strings')
    for key in _DATE_KEYS:
        if key in metadata:
            _check_date(metadata[key])
    if "md5" in metadata:
        if not isinstance(metadata["md5"], str):
            raise CrashError
        if not re.match(r"[a-zA-Z0-9]{32}", metadata["md5"]):
            raise RefusedError("Invalid MD5 specified")


def _check_date(value: Any) -> None:
    if value is None or isinstance(value, bool):
        raise CrashError
    if isinstance(value, int | float):
        return
    if not isinstance(value, str):
        raise CrashError
    if _PARTIAL_DATE.fullmatch(value):
        return
    try:
        datetime.fromisoformat(value)
    except ValueError:
        # Arrow recognises the form and then fails on the impossible day; other text it refuses properly.
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?", value):
            raise CrashError from None
        raise RefusedError("Dates must be in ISO 8601 format") from None


def valid_basename(name: str) -> str:
    """What the simple upload makes of a name: Django's own clean-up."""
    last = name.replace("\\", "/").rpartition("/")[2].strip().replace(" ", "_")
    return re.sub(r"[^-\w.]", "", last)


def _crash(_constant: str) -> None:
    raise CrashError
