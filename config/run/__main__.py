"""The command line: `python -m config.run service | demo | servers -- COMMAND`."""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from config.run.errors import Interrupted, RunError, UsageError
from config.run.interrupt import Interrupt

if TYPE_CHECKING:
    from config.run.demo import Wanted


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m config.run", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    commands.add_parser("service", help="start everything and print the URL")
    demo = commands.add_parser("demo", help="show and check the whole job without a person")
    demo.add_argument("--repo", action="append", type=Path, help="a git checkout; may be given several times")
    demo.add_argument("--login", help="name of the account at the GitHub stand-in")
    demo.add_argument("--email", help="whose commits (default: the author with most commits)")
    demo.add_argument("--timeout", type=float, default=1800.0, metavar="SECONDS")
    servers = commands.add_parser("servers", help="run a command beside throw-away Postgres and Valkey")
    servers.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- COMMAND ...")
    return top


def main(arguments: list[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    interrupt = Interrupt()
    interrupt.listen()
    try:
        return run(given, interrupt)
    except Interrupted as stopped:
        print(f"\n{stopped}", file=sys.stderr)
        return stopped.exit_code
    except RunError as error:
        print(f"\n{error}", file=sys.stderr)
        return error.exit_code


def run(given: argparse.Namespace, interrupt: Interrupt) -> int:
    # Imported here, for it takes a moment in which Ctrl-C has to be heard already.
    if given.command == "servers":
        from config.run.servers import run_beside_servers

        argv = given.argv[1:] if given.argv[:1] == ["--"] else given.argv
        if not argv:
            raise UsageError("Say which command: python -m config.run servers -- COMMAND")
        return run_beside_servers(argv, interrupt)

    os.umask(0o077)  # data, logs and secrets are for their owner alone, wherever the folder is
    if given.command == "demo":
        from config.run.demo import demonstrate

        return demonstrate(os.environ, wanted(given, os.environ), interrupt)

    from config.run.service import serve

    return serve(os.environ, interrupt)


def wanted(given: argparse.Namespace, environ: Mapping[str, str]) -> "Wanted":
    from config.run.demo import Wanted
    from config.run.environment import repositories
    from config.run.folders import CHECKOUT
    from config.run.history import require_repository

    named = [path.absolute() for path in given.repo or []] or repositories(environ, CHECKOUT)
    for repository in named:
        require_repository(repository)
    login, email = given.login or environ.get("SANDBOX_LOGIN"), given.email or environ.get("SANDBOX_EMAIL")
    return Wanted(named, login, email, given.timeout)


if __name__ == "__main__":
    sys.exit(main())
