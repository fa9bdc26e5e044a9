"""A member's file through our own address: the link is asked for at the click and never leaves the server.

Whatever is asked of Open Humans until there is something to send shares one deadline. A download is then sent
on piece by piece, so that a large file is no silence to a host; one that breaks off is cut off, never ended.
"""

import logging
from collections.abc import Callable, Iterator
from http import HTTPStatus
from tempfile import SpooledTemporaryFile
from threading import BoundedSemaphore
from typing import BinaryIO, cast

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

import openhumans_client as openhumans
from accounts.encryption import DecryptionFailed
from accounts.models import User
from openhumans_client import Deadline, OpenHumansClient
from sync import credentials
from sync.access import member_page
from sync.errors import OpenHumansAccessLost
from sync.models import Subscription, YearFile
from sync.pages.file_view import view_file
from sync.pages.track_panel import is_being_rewritten

logger = logging.getLogger(__name__)
IN_MEMORY_BYTES = 2_000_000
# For the bytes after the first ones; well below the silence after which hosts cut an answer off.
STREAM_SECONDS = 600.0
STREAM_SILENCE_SECONDS = 15.0
# Of the four threads of a web process so many may be held by downloads: pages go before.
MOST_STREAMS = 2
_streams = BoundedSemaphore(MOST_STREAMS)


class FileGone(Exception):
    """Open Humans does not list the file any more."""


class TooManyStreams(Exception):
    """This process is sending as many files as it may at once."""


@require_safe
@member_page
def download(request: HttpRequest, subscription: Subscription, pk: int) -> HttpResponseBase:
    def send(year_file: YearFile) -> HttpResponseBase:
        stream = FileStream(subscription.user, year_file)
        response = StreamingHttpResponse(stream, content_type=_type_of(year_file))
        response["Content-Disposition"] = content_disposition_header(
            as_attachment=True, filename=year_file.name
        )
        if stream.size is not None:
            response["Content-Length"] = stream.size
        return response

    return _with_file(request, subscription, pk, send)


@require_safe
@member_page
def preview(request: HttpRequest, subscription: Subscription, pk: int) -> HttpResponseBase:
    """A piece of the file on a page: read at this moment, and not kept."""

    def show(year_file: YearFile) -> HttpResponseBase:
        with fetch(subscription.user, year_file, credentials.page_deadline()) as content:
            is_year = not (year_file.is_document or year_file.holds_tracks)
            view = view_file(content, is_year=is_year, is_table=year_file.name.endswith(".csv"))
        return render(request, "sync/preview.html", {"file": year_file, "view": view})

    return _with_file(request, subscription, pk, show)


def _with_file(
    request: HttpRequest,
    subscription: Subscription,
    pk: int,
    use: Callable[[YearFile], HttpResponseBase],
) -> HttpResponseBase:
    """What `use` makes of the file, or a page that says why it is not to be had."""
    year_file = get_object_or_404(subscription.year_files, pk=pk, current_id__isnull=False)
    if year_file.holds_tracks and is_being_rewritten(subscription):
        return _refusal(request, "rewritten", year_file, HTTPStatus.CONFLICT)
    try:
        return use(year_file)
    except (FileGone, openhumans.NotFound):
        return _refusal(request, "gone", year_file, HTTPStatus.NOT_FOUND)
    except (openhumans.Unauthorized, openhumans.InvalidGrant, OpenHumansAccessLost, DecryptionFailed):
        return _refusal(request, "sign_in", year_file, HTTPStatus.FORBIDDEN)
    except TooManyStreams:
        return _refusal(request, "busy", year_file, HTTPStatus.SERVICE_UNAVAILABLE)
    except openhumans.OpenHumansError as error:
        why, code = outage_of(error)
        return _refusal(request, why, year_file, code)


def outage_of(error: Exception) -> tuple[str, HTTPStatus]:
    """What an outage of Open Humans is called on a page, and its status."""
    if isinstance(error, openhumans.Unavailable) and error.is_timeout:
        return "slow", HTTPStatus.GATEWAY_TIMEOUT
    return "unavailable", HTTPStatus.BAD_GATEWAY


def _type_of(year_file: YearFile) -> str:
    if year_file.holds_tracks:
        return "application/geo+json"
    return "text/csv" if year_file.name.endswith(".csv") else "application/json"


class FileStream:
    """A file on its way to its member, its first bytes here; holds one of the places until it is closed.

    Where the file breaks off or is not of the announced length, reading raises, and the server breaks the
    connection: a part must not look like a whole file.
    """

    def __init__(self, user: User, year_file: YearFile) -> None:
        self._year_file = year_file
        if not _streams.acquire(blocking=False):
            raise TooManyStreams
        self._is_open = True
        try:
            self._download = _open(user, year_file, credentials.page_deadline())
        except BaseException:
            self._give_place_back()
            raise
        self.size = self._download.size

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._download.pieces
        except openhumans.OpenHumansError as error:
            logger.warning("The download of year file %s broke off: %s", self._year_file.pk, error)
            raise

    def close(self) -> None:
        if self._is_open:
            self._download.close()
            self._give_place_back()

    def _give_place_back(self) -> None:
        self._is_open = False
        _streams.release()


def _open(user: User, year_file: YearFile, deadline: Deadline) -> openhumans.Download:
    def start(client: OpenHumansClient) -> openhumans.Download:
        file = _current(client, year_file)
        return client.open_download(file, deadline=STREAM_SECONDS, silence=STREAM_SILENCE_SECONDS)

    return credentials.with_openhumans(user, start, deadline=deadline)


def fetch(user: User, year_file: YearFile, deadline: Deadline) -> BinaryIO:
    """The whole file, here before the deadline."""
    return credentials.with_openhumans(
        user, lambda client: _fetch_whole(client, year_file), deadline=deadline
    )


def _fetch_whole(client: OpenHumansClient, year_file: YearFile) -> BinaryIO:
    file = _current(client, year_file)
    content = cast(
        BinaryIO,
        SpooledTemporaryFile(max_size=IN_MEMORY_BYTES),  # noqa: SIM115  (its reader closes it)
    )
    try:
        client.download(file, content)
    except openhumans.OpenHumansError:
        content.close()
        raise
    content.seek(0)
    return content


def _current(client: OpenHumansClient, year_file: YearFile) -> openhumans.File:
    file = next((file for file in client.iter_files() if file.id == year_file.current_id), None)
    if file is None:
        raise FileGone
    return file


def _refusal(request: HttpRequest, why: str, year_file: YearFile, code: HTTPStatus) -> HttpResponse:
    return render(request, "sync/download_refused.html", {"why": why, "file": year_file}, status=code)
