"""What a visitor sees where Django by itself would show a bare page, or none."""

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from config.context_processors import who_we_are


def broken(_request: HttpRequest) -> HttpResponse:
    """Made without the request: what has just broken may be the session, or the database it is in."""
    return HttpResponse(render_to_string("500.html", who_we_are()), status=HTTPStatus.INTERNAL_SERVER_ERROR)


class PagesForWrongMethods:
    """Middleware: a browser that meets a 405 gets a page; programs, Open Humans' webhook too, need none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        is_empty = response.status_code == HTTPStatus.METHOD_NOT_ALLOWED and not response.content
        if not is_empty or not _is_looked_at(request):
            return response
        page = render(request, "405.html", status=HTTPStatus.METHOD_NOT_ALLOWED)
        page["Allow"] = response["Allow"]
        return page


def _is_looked_at(request: HttpRequest) -> bool:
    return "text/html" in request.headers.get("Accept", "") and "HX-Request" not in request.headers
