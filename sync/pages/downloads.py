"""A member's file through our own address: the link is asked for at the click and never leaves the server."""

from collections.abc import Callable
from http import HTTPStatus
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

import openhumans_client as openhumans
from accounts.encryption import DecryptionFailed
from accounts.models import User
from sync import credentials
from sync.access import member_page
from sync.errors import OpenHumansAccessLost
from sync.models import Subscription, YearFile
from sync.pages.file_view import view_file
from sync.pages.track_panel import is_being_rewritten

IN_MEMORY_BYTES = 2_000_000


class FileGone(Exception):
    """Open Humans does not list the file any more."""


@require_safe
@member_page
def download(request: HttpRequest, subscription: Subscription, pk: int) -> HttpResponseBase:
    def send(year_file: YearFile, content: BinaryIO) -> HttpResponseBase:
        return FileResponse(
            content, as_attachment=True, filename=year_file.name, content_type=_type_of(year_file)
        )

    return _with_content(request, subscription, pk, send)


@require_safe
@member_page
def preview(request: HttpRequest, subscription: Subscription, pk: int) -> HttpResponseBase:
    """A piece of the file on a page: read at this moment, and not kept."""

    def show(year_file: YearFile, content: BinaryIO) -> HttpResponseBase:
        with content:
            is_year = not (year_file.is_document or year_file.holds_tracks)
            view = view_file(content, is_year=is_year, is_table=year_file.name.endswith(".csv"))
        return render(request, "sync/preview.html", {"file": year_file, "view": view})

    return _with_content(request, subscription, pk, show)


def _with_content(
    request: HttpRequest,
    subscription: Subscription,
    pk: int,
    use: Callable[[YearFile, BinaryIO], HttpResponseBase],
) -> HttpResponseBase:
    """What `use` makes of the whole file, or a page that says why it is not to be had."""
    year_file = get_object_or_404(subscription.year_files, pk=pk, current_id__isnull=False)
    if year_file.holds_tracks and is_being_rewritten(subscription):
        return _refusal(request, "rewritten", year_file, HTTPStatus.CONFLICT)
    try:
        content = fetch(subscription.user, year_file)
    except (FileGone, openhumans.NotFound):
        return _refusal(request, "gone", year_file, HTTPStatus.NOT_FOUND)
    except (openhumans.Unauthorized, openhumans.InvalidGrant, OpenHumansAccessLost, DecryptionFailed):
        return _refusal(request, "sign_in", year_file, HTTPStatus.FORBIDDEN)
    except openhumans.OpenHumansError:
        return _refusal(request, "unavailable", year_file, HTTPStatus.BAD_GATEWAY)
    return use(year_file, content)


def _type_of(year_file: YearFile) -> str:
    if year_file.holds_tracks:
        return "application/geo+json"
    return "text/csv" if year_file.name.endswith(".csv") else "application/json"


def fetch(user: User, year_file: YearFile) -> BinaryIO:
    token = credentials.openhumans_token(user)
    try:
        return _fetch_whole(credentials.openhumans_client(user, token), year_file)
    except openhumans.Unauthorized:
        # Open Humans forgot a token before its time, or a worker has just replaced it.
        token = credentials.openhumans_token(user, refused=token)
        return _fetch_whole(credentials.openhumans_client(user, token), year_file)


def _fetch_whole(client: openhumans.OpenHumansClient, year_file: YearFile) -> BinaryIO:
    """Nothing is sent on before all is here: a download that breaks off must not look like a whole file."""
    file = next((file for file in client.iter_files() if file.id == year_file.current_id), None)
    if file is None:
        raise FileGone
    content = cast(
        BinaryIO,
        SpooledTemporaryFile(max_size=IN_MEMORY_BYTES),  # noqa: SIM115  (FileResponse closes it)
    )
    try:
        client.download(file, content)
    except openhumans.OpenHumansError:
        content.close()
        raise
    content.seek(0)
    return content


def _refusal(request: HttpRequest, why: str, year_file: YearFile, code: HTTPStatus) -> HttpResponse:
    return render(request, "sync/download_refused.html", {"why": why, "file": year_file}, status=code)
