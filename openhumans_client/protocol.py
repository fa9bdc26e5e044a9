"""What answers of Open Humans mean: decoders from an `Answer` to a value, or to a named error. No I/O.

Sources: https://www.openhumans.org/direct-sharing/oauth2-setup/, .../oauth2-data-upload/ and the server's own
code (OpenHumans/open-humans at 6ef9bbc). `request` is always "METHOD /path", without a query string.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from openhumans_client.errors import (
    InvalidClient,
    InvalidGrant,
    NotFound,
    OpenHumansError,
    RateLimited,
    TooHeavy,
    Unauthorized,
    Unavailable,
    UnexpectedResponse,
)
from openhumans_client.fields import NOT_JSON, Reader, decode_json
from openhumans_client.types import Answer, Deauthorization, File, Member, Project, StartedUpload, TokenGrant

_DEFAULT_WAIT = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(days=1)
_LONGEST_LIFE = 10 * 365 * 86_400
_BLOCK_TAG = re.compile(r"\{[{%#]")
_TEMPLATE_TAGS = {"{{": "openvariable", "{%": "openblock", "{#": "opencomment"}


# The API


def decode_project(answer: Answer, request: str) -> Project:
    """`GET project/`."""
    reader = Reader(read_json(answer, request), request)
    return Project(
        id=reader.number("id"),
        id_label=reader.text("id_label"),
        name=reader.text("name"),
        is_active=reader.flag("active"),
        is_approved=reader.flag("approved"),
    )


def decode_member(answer: Answer, request: str) -> Member:
    """The member of `GET project/exchange-member/`. The key `username` is absent unless shared."""
    reader = Reader(read_json(answer, request), request)
    member_id = reader.text("project_member_id")
    if not (member_id.isascii() and member_id.isdecimal()):
        reader.refuse("project_member_id")
    sources = reader.items("sources_shared")
    if not all(isinstance(source, str) for source in sources):
        reader.refuse("sources_shared")
    return Member(
        project_member_id=member_id,
        created_at=reader.moment("created"),
        username=reader.text("username") if reader.has("username") else None,
        sources_shared=tuple(sources),
    )


def decode_files(answer: Answer, request: str) -> tuple[list[File], str | None]:
    """The files of `GET project/exchange-member/`, and the address of the next page if there is one."""
    reader = Reader(read_json(answer, request), request)
    files = [_file(Reader(item, request)) for item in reader.items("data")]
    next_page = reader.text("next") if reader.has("next") else None
    return files, next_page


def _file(reader: Reader) -> File:
    return File(
        id=reader.number("id"),
        basename=reader.text("basename"),
        created_at=reader.moment("created"),
        metadata=reader.mapping("metadata"),
        source=reader.text("source"),
        download_url=reader.text("download_url"),
    )


def decode_started_upload(answer: Answer, request: str) -> StartedUpload:
    """`POST project/files/upload/direct/`, status 201."""
    reader = Reader(read_json(answer, request, expected=201), request)
    return StartedUpload(file_id=reader.number("id"), url=reader.text("url"))


def decode_completed_upload(answer: Answer, request: str) -> int:
    """`POST project/files/upload/complete/`: the size in bytes of the object that is there.

    400 `{"detail": "file not present"}` is NotFound: nothing was put there. An id Open Humans does not know
    (any more) is a 500 with HTML, so Unavailable.
    """
    if answer.status == 400 and _detail(answer) in {"file not present", "file does not exist"}:
        raise NotFound(f"{request}: 400, nothing was uploaded for this file id")
    size = Reader(read_json(answer, request), request).number("size")
    if size < 0:
        raise UnexpectedResponse(f"{request}: the field size is negative")
    return size


def decode_deleted_ids(answer: Answer, request: str) -> list[int]:
    """`POST project/files/delete/`: the ids deleted, none if nothing matched."""
    ids = Reader(read_json(answer, request), request).items("ids")
    if not all(isinstance(item, int) and not isinstance(item, bool) for item in ids):
        raise UnexpectedResponse(f"{request}: the field ids has an unexpected type")
    return ids


def decode_success(answer: Answer, request: str) -> None:
    """`POST message/` and `remove-members/`: the JSON text "success"."""
    if read_json(answer, request) != "success":
        raise UnexpectedResponse(f"{request}: 200, but not the word success")


def read_json(answer: Answer, request: str, *, expected: int = 200) -> Any:
    """The decoded body of an answer with the expected status. Raises the error that fits any other answer."""
    if answer.status != expected:
        raise api_error(answer, request)
    if _is_html(answer):
        raise Unavailable(f"{request}: {answer.status}, but an HTML page")
    decoded = decode_json(answer.body)
    if decoded is NOT_JSON:
        raise UnexpectedResponse(f"{request}: {answer.status}, but not whole JSON")
    return decoded


def api_error(answer: Answer, request: str) -> OpenHumansError:
    """The error for an API answer whose status is not the wished one."""
    place = f"{request}: {answer.status}"
    detail = _detail(answer)
    if answer.status == 401 and detail in {"Invalid token.", "Expired token."}:
        return Unauthorized(f"{place}, {detail}", is_expired=detail == "Expired token.")
    return _shared_error(answer, place) or UnexpectedResponse(f"{place} was not expected")


def _shared_error(answer: Answer, place: str) -> OpenHumansError | None:
    """What a status means wherever it comes from. HTML on another status is a proxy's or an outage's page."""
    if answer.status == 404:
        return NotFound(place)
    if answer.status == 413:
        return TooHeavy(place)
    if answer.status == 429:
        return RateLimited(place, retry_at=_retry_at(answer.headers.get("retry-after", "")))
    if answer.status >= 500 or (_is_html(answer) and not 300 <= answer.status < 400):
        return Unavailable(place, is_timeout=answer.status == 504)
    return None


# Storage: the presigned addresses


def check_put(answer: Answer, request: str) -> None:
    """The storage's answer to the bytes: 200 with an empty body, or XML with a `<Code>`."""
    if answer.status not in {200, 201, 204}:
        raise _storage_error(answer, request)


def download_error(answer: Answer, request: str) -> OpenHumansError:
    """Why a download link gave no bytes. Open Humans says it in 403 HTML, the storage in XML."""
    if answer.status == 403 and b"This file is unavailable." in answer.body:
        return NotFound(f"{request}: 403, the file is deleted or not complete")
    if answer.status == 403 and b"You are not authorized to view this file." in answer.body:
        return NotFound(f"{request}: 403, the link is no longer good", is_link_expired=True)
    return _storage_error(answer, request)


def _storage_error(answer: Answer, request: str) -> OpenHumansError:
    found = re.search(rb"<Code>([A-Za-z]{1,60})</Code>", answer.body)
    code = found[1].decode() if found else ""
    place = f"{request}: {answer.status} {code}".rstrip()
    if code == "EntityTooLarge":
        return TooHeavy(place)
    if code in {"AccessDenied", "ExpiredToken"}:
        return NotFound(place, is_link_expired=True)
    if code in {"RequestTimeout", "SlowDown"}:
        return Unavailable(place, is_timeout=code == "RequestTimeout")
    if code and answer.status < 500 and answer.status != 404:
        return UnexpectedResponse(f"{place} was not expected")
    return _shared_error(answer, place) or UnexpectedResponse(f"{place} was not expected")


# OAuth


def decode_token_grant(answer: Answer, request: str, *, requested_at: datetime) -> TokenGrant:
    """`POST /oauth2/token/`. A token's life is counted from before the request, to be on the safe side."""
    if answer.status != 200:
        raise oauth_error(answer, request)
    reader = Reader(read_json(answer, request), request)
    seconds = reader.number("expires_in")
    if not 0 < seconds <= _LONGEST_LIFE:
        reader.refuse("expires_in")
    return TokenGrant(
        access_token=reader.token("access_token"),
        refresh_token=reader.token("refresh_token"),
        expires_at=requested_at + timedelta(seconds=seconds),
        scope=reader.text("scope"),
    )


def check_revocation(answer: Answer, request: str) -> None:
    """`POST /oauth2/revoke_token/`: 200 and empty, also for a token nobody knows."""
    if answer.status != 200:
        raise oauth_error(answer, request)


def oauth_error(answer: Answer, request: str) -> OpenHumansError:
    """The error for a refusal of the token endpoint.

    The word decides, not the status: `invalid_grant` was 401 with older versions of the server and is 400
    now.
    """
    decoded = decode_json(answer.body)
    word = decoded.get("error") if isinstance(decoded, dict) else None
    place = f"{request}: {answer.status}"
    if answer.status in {400, 401}:
        if word == "invalid_grant":
            return InvalidGrant(f"{place}, the code or refresh token is not, or no longer, good")
        if word == "invalid_client":
            return InvalidClient(f"{place}, Open Humans does not know this client id and secret")
    shared = _shared_error(answer, place)
    if shared:
        return shared
    known = isinstance(word, str) and re.fullmatch(r"[a-z_]{1,40}", word)
    return UnexpectedResponse(f"{place}, {word}" if known else f"{place} was not expected")


# The webhook and messages


def verify_signature(secret: str, body: bytes, header: str) -> bool:
    """Is `header` (X-OpenHumans-Webhooks-Signature, `sha1=<hex>`) the HMAC-SHA1 of these raw bytes?

    Compared in constant time. An empty secret verifies nothing, so it is always False.
    """
    scheme, _, given = header.strip().partition("=")
    try:
        given_digest = binascii.unhexlify(given)
    except ValueError:
        return False
    wanted = hmac.new(secret.encode(), body, hashlib.sha1).digest()
    return bool(secret) and scheme == "sha1" and hmac.compare_digest(wanted, given_digest)


def decode_deauthorization(body: bytes) -> Deauthorization:
    """The webhook's body, `{"project_member_id": "12345678", "erasure_requested": true, "timestamp": "..."}`.

    Open Humans repeats a call that was not answered with 2xx, unsigned and with the JSON inside a JSON text:
    that form is read too. Raises UnexpectedResponse for anything else.
    """
    request = "POST webhook"
    decoded = decode_json(body)
    if isinstance(decoded, str):
        decoded = decode_json(decoded.encode(errors="replace"))
    reader = Reader(None if decoded is NOT_JSON else decoded, request)
    member_id = reader.text("project_member_id")
    if not (member_id.isascii() and member_id.isdecimal()):
        reader.refuse("project_member_id")
    return Deauthorization(member_id, reader.flag("erasure_requested"), reader.moment("timestamp"))


def escape_message(text: str) -> str:
    """Text that arrives as written: Open Humans renders messages as Django templates."""
    return _BLOCK_TAG.sub(lambda found: "{% templatetag " + _TEMPLATE_TAGS[found[0]] + " %}", text)


# Addresses


def page_query(base_url: str, path: str, next_page: str, request: str) -> str:
    """The query string of the next page, for a request that again goes to `base_url`.

    Raises UnexpectedResponse where `next_page` names another host, port or path: the token must not go there.
    Only the scheme may differ, as behind a proxy that ends TLS.
    """
    base, page = _split(base_url, request), _split(next_page, request)
    is_same = base[1] == page[1] and (base[2] == page[2] or {base[0], page[0]} == {"http", "https"})
    if not is_same or urlsplit(next_page).path != urlsplit(base_url).path.rstrip("/") + path:
        raise UnexpectedResponse(f"{request}: the next page is on another server or path")
    return urlsplit(next_page).query


def check_storage_url(base_url: str, url: str, request: str) -> None:
    """Storage may be any host, but never without TLS when Open Humans itself is reached with it."""
    scheme, host, _ = _split(url, request)
    if not host or scheme not in {"http", "https"} or (base_url.startswith("https:") and scheme != "https"):
        raise UnexpectedResponse(f"{request}: was sent to an address that is not safe to use")


def _split(url: str, request: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port
    except ValueError:
        raise UnexpectedResponse(f"{request}: was sent to an address that cannot be read") from None


def _detail(answer: Answer) -> str:
    decoded = decode_json(answer.body)
    detail = decoded.get("detail") if isinstance(decoded, dict) else None
    return detail if isinstance(detail, str) else ""


def _is_html(answer: Answer) -> bool:
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "text/html" or answer.body.lstrip()[:1] == b"<"


def _retry_at(header: str) -> datetime:
    now = datetime.now(UTC)
    if re.fullmatch(r"[0-9]{1,9}", header):
        wanted = now + timedelta(seconds=int(header))
    else:
        wanted = _http_date(header) or now + _DEFAULT_WAIT
    return min(max(wanted, now), now + _LONGEST_WAIT)


def _http_date(header: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
