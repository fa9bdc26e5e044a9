"""The Open Humans project API with one member's token: only I/O, one method for one call.

https://www.openhumans.org/direct-sharing/oauth2-data-upload/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, BinaryIO
from urllib.parse import urljoin, urlsplit

import requests

from openhumans_client import protocol
from openhumans_client.deadline import Deadline
from openhumans_client.errors import Unauthorized, Unavailable, UnexpectedResponse
from openhumans_client.metadata import check_filename, encode_metadata
from openhumans_client.transport import Incoming, Outgoing, Timeout, Transport
from openhumans_client.types import Answer, File, Member, Project, StartedUpload

_API = "/api/direct-sharing/project/"
_MEMBER_PATH = f"{_API}exchange-member/"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_HOPS = 3


@dataclass(frozen=True, slots=True)
class Download:
    """A file on its way: `size` as storage announced it, if it did, and the bytes, to be read once."""

    size: int | None
    pieces: Iterator[bytes]
    close: Callable[[], None]


class OpenHumansClient:
    """What one member's access token allows. Never sleeps, never retries, not for several threads at once.

    `shared` is a deadline on top, for all calls of this client together and for whoever else holds it: once
    it has passed nothing is sent any more, and a call is Unavailable with `is_timeout`.

    `before_request` is called before each request, also each page and each hop of a download; what it raises
    passes through, and the request is not sent. `timeout` is (connect, read) in seconds; `deadline` bounds
    the whole of one exchange. The token goes to `base_url` only, in the Authorization header only.

    Every method raises Unauthorized, NotFound, RateLimited, TooHeavy, Unavailable or UnexpectedResponse; what
    has a meaning of its own stands with the method. Listing and deleting may be repeated safely; so may
    completing, for six hours. Repeating `start_upload` leaves an invisible file behind that Open Humans
    removes by itself.
    """

    def __init__(
        self,
        base_url: str,
        access_token: str,
        session: requests.Session | None = None,
        timeout: Timeout = (5, 30),
        before_request: Callable[[], None] | None = None,
        deadline: float = 120,
        shared: Deadline | None = None,
    ) -> None:
        if not re.fullmatch(r"[\x21-\x7e]+", access_token):
            # Caught here, because the standard library would put the whole token into its own message.
            raise ValueError("The access token is empty or holds characters that no header can carry.")
        self._base_url = base_url.rstrip("/")
        self._access_token = access_token
        self._transport = Transport(session, timeout, deadline, before_request, shared)

    def __repr__(self) -> str:
        return f"OpenHumansClient({self._base_url!r})"

    def fetch_project(self) -> Project:
        """The project this token belongs to."""
        answer, request = self._ask("GET", _API)
        return protocol.decode_project(answer, request)

    def fetch_member(self) -> Member:
        """Whose token this is. Asks for one file only, because listing is the slow part of the API."""
        answer, request = self._ask("GET", _MEMBER_PATH, query="limit=1")
        return protocol.decode_member(answer, request)

    def iter_files(self, page_size: int = 1000) -> Iterator[File]:
        """All completed files the project may read, of every source: filter by `source`. A request per page.

        Pages are counted by offset, so do not delete while iterating: use `list_files` for that.
        """
        query: str | None = f"limit={page_size}"
        asked = set()
        while query is not None:
            if query in asked:
                raise UnexpectedResponse(f"GET {_MEMBER_PATH}: the pages go round in a circle")
            asked.add(query)
            answer, request = self._ask("GET", _MEMBER_PATH, query=query)
            files, next_page = protocol.decode_files(answer, request)
            query = (
                protocol.page_query(self._base_url, _MEMBER_PATH, next_page, request) if next_page else None
            )
            yield from files

    def list_files(self, page_size: int = 1000) -> list[File]:
        """As `iter_files`, read to the end. What moved to a later page meanwhile is listed once."""
        return list({file.id: file for file in self.iter_files(page_size)}.values())

    def start_upload(self, filename: str, metadata: Mapping[str, Any]) -> StartedUpload:
        """Step 1 of 3: an id, and an address for the bytes that is good for six hours.

        `metadata` needs `description` (text) and `tags` (list of texts); `md5` (32 lower-case hexadecimal
        digits), `creation_date`, `start_date` and `end_date` (ISO 8601) are checked, other keys are kept.
        Raises InvalidMetadata before anything is sent. Nothing is visible to anybody until step 3.
        """
        check_filename(filename)
        body = {"filename": filename, "metadata": encode_metadata(metadata)}
        answer, request = self._ask("POST", f"{_API}files/upload/direct/", body)
        upload = protocol.decode_started_upload(answer, request)
        protocol.check_storage_url(self._base_url, upload.url, request)
        return upload

    def put_upload(self, upload: StartedUpload, stream: BinaryIO, size: int, deadline: float = 600) -> None:
        """Step 2: `size` bytes, read piece by piece from the stream's present position.

        May be repeated with the same upload. Raises NotFound with `is_link_expired` after six hours,
        ValueError if the stream holds more or fewer bytes than `size`.
        """
        request = f"PUT bytes of file {upload.file_id}"
        with self._transport.open(
            "PUT", upload.url, request, upload=Outgoing(stream, size), deadline=deadline
        ) as incoming:
            protocol.check_put(incoming.whole(), request)

    def complete_upload(self, file_id: int) -> int:
        """Step 3: makes the file visible, and returns the size in bytes of what is stored: compare it.

        Raises NotFound if no bytes are there. An id that Open Humans no longer knows is Unavailable (a 500).
        """
        answer, request = self._ask("POST", f"{_API}files/upload/complete/", {"file_id": file_id})
        return protocol.decode_completed_upload(answer, request)

    def download(
        self, file: File, into: BinaryIO, deadline: float = 600, largest: int = 2_000_000_000
    ) -> int:
        """Write the file's bytes, and return how many. After an error `into` may hold a part of them.

        The link of a `File` is good for an hour: NotFound with `is_link_expired` asks for a fresh listing,
        NotFound without it means that the file is gone. More than `largest` bytes is TooHeavy.
        """
        with self._stored(file, f"GET bytes of file {file.id}", deadline) as incoming:
            return _copy(incoming.pieces(largest), into)

    def open_download(
        self, file: File, deadline: float = 600, silence: float = 20, largest: int = 2_000_000_000
    ) -> Download:
        """The file with its first bytes here, and the others to be read piece by piece. Close it.

        The errors are those of `download`, also while it is read: then it has broken off. What this client's
        deadlines bound ends with the first bytes; the others have `deadline`, and may pause for `silence`.
        """
        request = f"GET bytes of file {file.id}"
        with ExitStack() as opened:
            incoming = opened.enter_context(self._stored(file, request, deadline=None))
            pieces = incoming.pieces(largest)
            first = next(pieces, b"")
            incoming.allow(deadline, silence)
            # The length of what storage packed is not that of the file.
            size = None if "content-encoding" in incoming.headers else incoming.length
            return Download(size, chain([first], pieces), opened.pop_all().close)

    def fetch_size(self, file: File) -> int:
        """How many bytes storage holds, without reading them. The errors are those of `download`."""
        request = f"GET size of file {file.id}"
        with self._stored(file, request, deadline=None) as incoming:
            if incoming.length is None:
                raise UnexpectedResponse(f"{request}: the answer has no length")
            return incoming.length

    @contextmanager
    def _stored(self, file: File, request: str, deadline: float | None) -> Iterator[Incoming]:
        """Storage's answer at the end of the file's link, its body still to be read."""
        url = file.download_url
        for _hop in range(_MOST_HOPS):
            protocol.check_storage_url(self._base_url, url, request)
            # Anonymous on every hop: the link is the permission, and storage refuses two kinds of it at once.
            with self._transport.open(
                "GET", url, request, headers={"Accept-Encoding": "identity"}, deadline=deadline
            ) as incoming:
                if incoming.status in _REDIRECTS and "location" in incoming.headers:
                    url = _next_hop(url, incoming.headers["location"], request)
                    continue
                if incoming.status != 200:
                    raise protocol.download_error(incoming.whole(), request)
                yield incoming
                return
        raise UnexpectedResponse(f"{request}: redirected too often")

    def delete_file(self, file_id: int) -> bool:
        """Delete one of the project's own completed files by id. False if there was none (any more)."""
        answer, request = self._ask("POST", f"{_API}files/delete/", {"file_id": file_id})
        return file_id in protocol.decode_deleted_ids(answer, request)

    def send_message(self, subject: str, message: str) -> None:
        """Queue a plain-text mail to the member. Both are sent as they are: nothing in them is a template."""
        body = {"subject": " ".join(subject.split()), "message": protocol.escape_message(message)}
        answer, request = self._ask("POST", f"{_API}message/", body)
        protocol.decode_success(answer, request)

    def remove_member(self) -> None:
        """End the membership; returns only when the token is dead. Files stay: delete them before.

        Where the project has a webhook Open Humans answers 500 after having removed the member, so a 500 is
        followed by one question with the same token. Raises Unavailable if that token still works.
        """
        answer, request = self._ask("POST", f"{_API}remove-members/", {})
        if answer.status != 500:
            protocol.decode_success(answer, request)
            return
        try:
            self.fetch_project()
        except Unauthorized:
            return
        raise Unavailable(f"{request}: 500, and the member is still there")

    def _ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None, query: str = ""
    ) -> tuple[Answer, str]:
        request = f"{method} {path}"
        url = f"{self._base_url}{path}?{query}" if query else self._base_url + path
        return self._transport.ask(method, url, request, auth=self._authorize, json=body), request

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._access_token}"
        return request


def _copy(pieces: Iterator[bytes], into: BinaryIO) -> int:
    size = 0
    for piece in pieces:
        into.write(piece)
        size += len(piece)
    return size


def _next_hop(url: str, location: str, request: str) -> str:
    try:
        target = urljoin(url, location)
        urlsplit(target)
    except ValueError:
        raise UnexpectedResponse(f"{request}: redirected to an address that cannot be read") from None
    return target
