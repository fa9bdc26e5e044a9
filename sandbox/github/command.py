"""GitHub, with the true history of git repositories on this machine, or an account made up from a seed.

The client secret is read from the environment variable SANDBOX_CLIENT_SECRET. Without --client-id any
client is accepted, without --redirect-uri any address on loopback.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from sandbox.github.app import create_app
from sandbox.github.catalogue import SettingError
from sandbox.github.faults import moment
from sandbox.github.generated_account import UNTIL
from sandbox.github.gitlog import GitError
from sandbox.github.service import OAuthApp
from sandbox.server import add_server_arguments
from sandbox.server import serve as serve_app


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_server_arguments(parser, port=9001)
    parser.add_argument(
        "--repo",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="a git repository (repeatable)",
    )
    parser.add_argument(
        "--account",
        metavar="SIZE",
        help="make up an account: light, typical, heavy, or COMMITS:REPOSITORIES:YEARS",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the account that is made up")
    parser.add_argument(
        "--until",
        type=moment,
        default=UNTIL,
        metavar="DATE",
        help="the end of what is made up (default %(default)s)",
    )
    parser.add_argument(
        "--organization",
        action="append",
        default=[],
        metavar="LOGIN/NAME",
        help="a repository that belongs to an organisation (repeatable)",
    )
    parser.add_argument(
        "--foreign",
        action="append",
        default=[],
        metavar="NAME",
        help="a repository of somebody else, where the member only contributed (repeatable)",
    )
    parser.add_argument(
        "--fork",
        action="append",
        default=[],
        metavar="NAME",
        help="a repository that is a fork (repeatable)",
    )
    parser.add_argument("--login", help="the member's login (default: from the address)")
    parser.add_argument(
        "--email",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="an address of the member (repeatable; default: the author with most commits)",
    )
    parser.add_argument(
        "--private",
        action="append",
        default=[],
        metavar="NAME",
        help="a repository that is private (repeatable)",
    )
    parser.add_argument("--client-id", metavar="ID", help="the one registered application")
    parser.add_argument(
        "--redirect-uri",
        action="append",
        default=[],
        metavar="URL",
        help="a registered callback (repeatable)",
    )
    parser.add_argument(
        "--token-lifetime",
        type=int,
        metavar="SECONDS",
        help="tokens expire and come with a refresh token (default: they last)",
    )


def serve(arguments: argparse.Namespace) -> int:
    """Exit status: 0 after a clean stop, 1 for an address that is taken, 2 for a wrong argument."""
    oauth_app = OAuthApp(
        arguments.client_id, os.environ.get("SANDBOX_CLIENT_SECRET"), tuple(arguments.redirect_uri)
    )
    if not arguments.repo and not arguments.account:
        print("--repo PATH or --account SIZE is needed.", file=sys.stderr)
        return 2
    try:
        app = create_app(
            arguments.repo,
            account=arguments.account,
            seed=arguments.seed,
            until=arguments.until,
            organizations=_by_organization(arguments.organization),
            foreign=arguments.foreign,
            forks=arguments.fork,
            private=arguments.private,
            login=arguments.login,
            emails=arguments.email,
            oauth_app=oauth_app,
            token_lifetime=arguments.token_lifetime,
        )
    except (GitError, SettingError) as error:
        print(error, file=sys.stderr)
        return 2
    return serve_app(app, arguments)


def _by_organization(names: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in names:
        login, _, name = each.partition("/")
        found.setdefault(login, []).append(name)
    return found
