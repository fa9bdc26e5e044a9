"""The `metadata` of an upload, checked before it is sent.

Open Humans answers 500 instead of 400 for several wrong values (null dates, NUL characters, NaN), so a wrong
value must never leave this machine. The rules are those of
https://www.openhumans.org/direct-sharing/oauth2-data-upload/ made stricter where the server is lax: md5 is
the whole hash, dates are whole dates.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from openhumans_client.errors import InvalidMetadata

_DATE_KEYS = ("creation_date", "start_date", "end_date")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})?)?", re.ASCII)
_MD5 = re.compile(r"[0-9a-f]{32}", re.ASCII)
_LARGEST = 2_000_000  # Django refuses forms of 2.5 MB; this leaves room for the encoding around it
_DEEPEST = 50


def encode_metadata(metadata: Mapping[str, Any]) -> str:
    """The JSON text to send, equal for equal content. Raises InvalidMetadata, naming the key."""
    _check_required(metadata)
    _check_md5(metadata)
    for key in _DATE_KEYS:
        if key in metadata:
            _check_date(key, metadata[key])
    for key, value in metadata.items():
        _check_value("metadata", {key: None}, depth=0)
        _check_value(key, value, depth=0)
    text = json.dumps(metadata, sort_keys=True, separators=(",", ":"), allow_nan=False)
    if len(text) > _LARGEST:
        raise InvalidMetadata("metadata", f"is longer than {_LARGEST} characters")
    return text


def check_filename(filename: str) -> None:
    """Only names that a listing gives back as they were sent. Raises InvalidMetadata, key "filename"."""
    if not filename or filename != filename.strip():
        raise InvalidMetadata("filename", "must not be empty or have blanks around it")
    if filename in {".", ".."} or re.search(r"[/\\\x00-\x1f\x7f]", filename):
        raise InvalidMetadata("filename", "must be one name without slashes and control characters")
    if len(filename) > 255 or not _is_unicode(filename):
        raise InvalidMetadata("filename", "must be valid text of at most 255 characters")


def _check_required(metadata: Mapping[str, Any]) -> None:
    if not isinstance(metadata.get("description"), str):
        raise InvalidMetadata("description", "must be a text")
    tags = metadata.get("tags")
    if not isinstance(tags, list | tuple) or not all(isinstance(tag, str) for tag in tags):
        raise InvalidMetadata("tags", "must be a list of texts")


def _check_md5(metadata: Mapping[str, Any]) -> None:
    md5 = metadata.get("md5", "0" * 32)
    if not isinstance(md5, str) or not _MD5.fullmatch(md5):
        raise InvalidMetadata("md5", "must be 32 hexadecimal digits in lower case")


def _check_date(key: str, value: Any) -> None:
    try:
        is_date = isinstance(value, str) and _DATE.fullmatch(value) and datetime.fromisoformat(value)
    except ValueError:
        is_date = False
    if not is_date:
        raise InvalidMetadata(key, "must be an ISO 8601 date or date and time, such as 2026-05-03T12:00:00Z")


def _check_value(key: str, value: Any, depth: int) -> None:
    """Only what JSON and PostgreSQL's jsonb can hold. `key` is the outermost key, for the message."""
    if depth > _DEEPEST:
        raise InvalidMetadata(key, f"is nested more than {_DEEPEST} deep")
    if isinstance(value, dict):
        if not all(isinstance(inner_key, str) for inner_key in value):
            raise InvalidMetadata(key, "has a key that is not a text")
        inner_values = [*value, *value.values()]
    elif isinstance(value, list | tuple):
        inner_values = list(value)
    else:
        _check_scalar(key, value)
        inner_values = []
    for inner in inner_values:
        _check_value(key, inner, depth + 1)


def _check_scalar(key: str, value: Any) -> None:
    if isinstance(value, str) and ("\x00" in value or not _is_unicode(value)):
        raise InvalidMetadata(key, "holds a NUL character or half a surrogate pair")
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidMetadata(key, "holds a number that is not finite")
    if not (value is None or isinstance(value, str | float | int)):
        raise InvalidMetadata(key, f"holds a {type(value).__name__}, which JSON does not know")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
