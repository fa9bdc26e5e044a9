"""Sessions whose requests are counted by service, kind and outcome."""

import os
import re
import ssl
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings
from requests.adapters import DEFAULT_CA_BUNDLE_PATH, HTTPAdapter
from urllib3.util.ssl_ import create_urllib3_context

from sync.operators.counters import count

_OPERATION = re.compile(rb'"operationName": ?"(\w{1,40})"')
# Paths of Open Humans, by what is asked for. Others would bring names and ids into a label.
_OPENHUMANS_KINDS = {
    "/api/direct-sharing/project/": "project",
    "/api/direct-sharing/project/exchange-member/": "list",
    "/api/direct-sharing/project/files/upload/direct/": "start upload",
    "/api/direct-sharing/project/files/upload/complete/": "complete upload",
    "/api/direct-sharing/project/files/delete/": "delete",
    "/api/direct-sharing/project/message/": "message",
    "/api/direct-sharing/project/remove-members/": "remove member",
    "/oauth2/token/": "token",
    "/oauth2/revoke_token/": "revoke",
}


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities that `requests` would trust. It reads them anew for each connection, which takes longer
    than everything else that a sync without news does; nobody changes them while a process runs."""
    context = create_urllib3_context()
    bundle = (
        os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or DEFAULT_CA_BUNDLE_PATH
    )
    if Path(bundle).is_dir():
        context.load_verify_locations(capath=bundle)
    else:
        context.load_verify_locations(cafile=bundle)
    return context


@lru_cache(maxsize=256)
def _environment(server: str) -> Mapping[str, Any]:
    """Proxies and the like for a server, which `requests` looks up anew for each request, in all variables of
    the environment; nobody changes those either."""
    return requests.Session().merge_environment_settings(server, {}, None, None, None)


class CountingSession(requests.Session):
    """Counts through its adapter. It keeps nothing of one request for another."""

    def merge_environment_settings(
        self, url: str | bytes | None, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Any:
        if proxies or verify is not None or cert is not None or not isinstance(url, str):
            return super().merge_environment_settings(url, proxies, stream, verify, cert)
        parts = urlsplit(url)
        return {**_environment(f"{parts.scheme}://{parts.netloc}"), "stream": stream}


class CountingAdapter(HTTPAdapter):
    """Counts what goes through it. Our clients send with the adapter itself, so nothing passes it by."""

    def __init__(self, service: str) -> None:
        self._service = service
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, ssl_context=_trusted())

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]
        if verify and "ssl_context" in getattr(conn, "conn_kw", {}):
            conn.ca_certs = conn.ca_cert_dir = None

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        try:
            response = super().send(request, *args, **options)
        except requests.RequestException as error:
            outcome = "timeout" if isinstance(error, requests.Timeout) else "unreachable"
            count("requests", self._service, kind_of(self._service, request), outcome)
            raise
        count("requests", self._service, kind_of(self._service, request), str(response.status_code))
        return response


def counting_session(service: str) -> requests.Session:
    session = CountingSession()
    adapter = CountingAdapter(service)
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter)
    return session


def kind_of(service: str, request: requests.PreparedRequest) -> str:
    """The GraphQL operation, or what a path is for; never the path itself."""
    parts = urlsplit(request.url or "")
    if service == "openhumans":
        if parts.netloc != urlsplit(settings.OPENHUMANS_URL).netloc:
            return "storage"
        return _OPENHUMANS_KINDS.get(parts.path, "other")
    if not parts.path.endswith("/graphql"):
        return "oauth" if "/login/oauth/" in parts.path or parts.path.endswith("/grant") else "rest"
    body = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
    operation = _OPERATION.search(body)
    return operation[1].decode() if operation else "graphql"
