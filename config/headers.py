"""Headers that Django does not send by itself."""

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

# Of what a browser would let a page do, this site does nothing.
UNUSED = (
    "accelerometer",
    "autoplay",
    "browsing-topics",
    "camera",
    "display-capture",
    "encrypted-media",
    "fullscreen",
    "geolocation",
    "gyroscope",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "publickey-credentials-get",
    "screen-wake-lock",
    "usb",
    "xr-spatial-tracking",
)
POLICY = ", ".join(f"{feature}=()" for feature in UNUSED)


class MoreHeaders:
    """Middleware: https://www.w3.org/TR/permissions-policy/, and no copy of a page that names somebody."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        response.headers["Permissions-Policy"] = POLICY
        if not response.has_header("Cache-Control") and (_is_broken(response) or _names_somebody(request)):
            response.headers["Cache-Control"] = "private, no-store"
        return response


class CompressPages(GZipMiddleware):
    """Pages, but no file on its way: that keeps its length, and no piece of it waits for the next one."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        return response if response.streaming else super().process_response(request, response)


def _is_broken(response: HttpResponse) -> bool:
    """Nobody is asked who looks at such a page: what has just broken may be what would know."""
    return response.status_code == HTTPStatus.INTERNAL_SERVER_ERROR


def _names_somebody(request: HttpRequest) -> bool:
    """Who is signed in stands at the top of each page; an answer that did not ask who it is names nobody."""
    session = getattr(request, "session", None)
    return session is not None and session.accessed and request.user.is_authenticated
