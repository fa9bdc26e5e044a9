"""Answers as the real server gave them, and secrets that must never show up anywhere."""

from __future__ import annotations

import json
from typing import Any

from openhumans_client.types import Answer

BASE = "https://oh.example"
API = f"{BASE}/api/direct-sharing/project/"
ACCESS = "accessSecret0123456789abcdefgh"
REFRESH = "refreshSecret123456789abcdefgh"
CLIENT_SECRET = "clientSecret0123456789"
SIGNATURE = "presignedSecret012345"
KEY = "downloadKeySecret0123"
SECRETS = (ACCESS, REFRESH, CLIENT_SECRET, SIGNATURE, KEY)

UPLOAD_URL = (
    f"https://bucket.example/member-files/direct-sharing-2/u/first.json?Signature={SIGNATURE}&Expires=1"
)
STORED_URL = (
    f"https://bucket.example/member-files/direct-sharing-2/u/first.json?Signature={SIGNATURE}&x-oh-key={KEY}"
)

PROJECT = {
    "active": True,
    "approved": True,
    "authorized_members": 1,
    "badge_image": None,
    "id": 2,
    "id_label": "direct-sharing-2",
    "name": "Local Bridge",
    "request_username_access": False,
    "type": "oauth2",
}
FILE = {
    "id": 1,
    "basename": "first.json",
    "created": "2026-11-23T16:19:59.500092Z",
    "datatypes": [],
    "download_url": f"{BASE}/data-management/datafile-download/1/?key={KEY}",
    "metadata": {"md5": "c39a7aca1550ba49892adf68df07fc30", "tags": ["probe"], "description": "probe file"},
    "source": "direct-sharing-2",
    "source_project": f"{BASE}/api/public/project/2/",
}
MEMBER = {
    "count": 1,
    "next": None,
    "previous": None,
    "created": "2026-11-23T16:19:46.891641Z",
    "project_member_id": "06644578",
    "sources_shared": ["direct-sharing-1"],
    "data": [FILE],
}
TOKENS = {
    "access_token": ACCESS,
    "expires_in": 36000,
    "token_type": "Bearer",
    "scope": "read write american-gut go-viral pgp wildlife open-humans",
    "refresh_token": REFRESH,
}
METADATA = {"description": "A week of commits", "tags": ["GitHub weeks"]}


def answer(value: Any = None, status: int = 200, **headers: str) -> Answer:
    """A JSON answer; a bytes value is taken as the body."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status, {"content-type": "application/json", **named}, body)


def html(status: int, text: str = "<html><title>Server error</title></html>") -> Answer:
    return Answer(status, {"content-type": "text/html; charset=utf-8"}, text.encode())


def xml(status: int, code: str) -> Answer:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>no</Message></Error>'
    return Answer(status, {"content-type": "application/xml"}, body.encode())
