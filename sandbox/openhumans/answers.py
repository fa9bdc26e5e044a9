"""The shapes the real server answers in: JSON with its headers, HTML pages, the storage's XML."""

import json
from typing import Any
from xml.sax.saxutils import escape

from flask import Response

_NO_CACHE = "max-age=0, no-cache, no-store, must-revalidate, private"


def api_json(value: Any, status: int = 200) -> Response:
    """Compact JSON, never cached, readable from any web page, as everything below /api/."""
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    response = Response(body, status=status, mimetype="application/json")
    response.headers["Cache-Control"] = _NO_CACHE
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response


def api_unauthorized(detail: str, description: str = "") -> Response:
    response = api_json({"detail": detail}, 401)
    reason = f',error="invalid_token",error_description="{description}"' if description else ""
    response.headers["WWW-Authenticate"] = f'Bearer realm="api"{reason}'
    return response


def oauth_json(value: Any, status: int = 200) -> Response:
    response = Response(json.dumps(value), status=status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    return response


def html(title: str, text: str, status: int) -> Response:
    page = (
        f"<!doctype html><html><head><title>{escape(title)} - Open Humans</title></head>"
        f"<body><h1>{escape(title)}</h1><p>{escape(text)}</p></body></html>"
    )
    return Response(page, status=status, mimetype="text/html")


def server_error() -> Response:
    """How the real server fails, also where a client might hope for a 400 or 404: an HTML page."""
    return html("Server error", "Something went wrong.", 500)


def storage_error(code: str, message: str, status: int) -> Response:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    )
    return Response(body, status=status, mimetype="application/xml")
