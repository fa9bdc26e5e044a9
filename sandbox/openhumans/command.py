"""A stand-in for Open Humans: sign-in, uploads and downloads, with the files in a folder that can be opened.

The client secret is read from SANDBOX_CLIENT_SECRET (default "sandbox-secret"), the webhook's from
SANDBOX_WEBHOOK_SECRET (none: calls are not signed).
"""

import argparse
import os
import sqlite3
import sys
from pathlib import Path

from sandbox.openhumans.app import create_app
from sandbox.openhumans.options import Options
from sandbox.server import add_server_arguments
from sandbox.server import serve as serve_app


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_server_arguments(parser, port=9002)
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="where files are kept")
    parser.add_argument("--client-id", help="the only client to accept (default: any)")
    parser.add_argument(
        "--redirect-uri",
        action="append",
        default=[],
        metavar="URL",
        help="a registered redirect address; may be given several times (default: any on loopback)",
    )
    parser.add_argument("--webhook-url", metavar="URL", help="called when a member leaves")


def serve(arguments: argparse.Namespace) -> int:
    """Exit status: 0 after a clean stop, 1 when the folder or the address cannot be used, 2 for a bad URL."""
    webhook_url: str | None = arguments.webhook_url
    if webhook_url and not webhook_url.startswith(("http://", "https://")):
        print(f"--webhook-url must be an http address, not {webhook_url!r}.", file=sys.stderr)
        return 2
    options = Options(
        folder=arguments.data,
        client_id=arguments.client_id,
        client_secret=os.environ.get("SANDBOX_CLIENT_SECRET") or "sandbox-secret",
        redirect_uris=tuple(arguments.redirect_uri),
        webhook_url=webhook_url,
        webhook_secret=os.environ.get("SANDBOX_WEBHOOK_SECRET", ""),
    )
    try:
        app = create_app(options)
    except (OSError, sqlite3.Error) as error:
        print(f"Cannot keep files in {arguments.data}: {error}. Choose another --data.", file=sys.stderr)
        return 1
    return serve_app(app, arguments)
