"""Does the site answer on this machine? `python -m config.run.health` is the check of a container."""

import os
import sys
from collections.abc import Mapping
from urllib.parse import urlsplit

import requests

from config.run import ports

ANSWER_SECONDS = 10


def health_request(site: str, port: int, env: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The address on this machine, and the headers that a proxy in front of the site would send."""
    parts = urlsplit(site)
    headers = {"Host": parts.netloc}
    if parts.scheme == "https" and env.get("PROXY_SSL_HEADER"):
        headers[env["PROXY_SSL_HEADER"]] = "https"
    return f"http://{ports.LOOPBACK}:{port}/healthz", headers


def is_answering(address: str, headers: Mapping[str, str] | None = None) -> bool:
    with requests.Session() as session:
        session.trust_env = False  # a proxy has no business between us and this machine
        try:
            answer = session.get(address, headers=headers, timeout=ANSWER_SECONDS, allow_redirects=False)
        except requests.RequestException:
            return False
    return answer.status_code == 200


def main(environ: Mapping[str, str]) -> int:
    port = int(environ.get("PORT") or 8000)
    address, headers = health_request(environ.get("SITE_URL") or f"http://127.0.0.1:{port}", port, environ)
    return 0 if is_answering(address, headers) else 1


if __name__ == "__main__":
    sys.exit(main(os.environ))
