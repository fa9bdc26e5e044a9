"""`python -m sandbox github ...` and `python -m sandbox openhumans ...`: start one stand-in."""

import argparse
import importlib
import sys
from collections.abc import Sequence

_STAND_INS = {
    "github": "GitHub, with the true history of git repositories on this machine",
    "openhumans": "Open Humans, with files in a folder",
}


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description="Stand-ins on loopback, for trying and testing."
    )
    choice = parser.add_subparsers(dest="stand_in", required=True, metavar="{github,openhumans}")
    for name, summary in _STAND_INS.items():
        choice.add_parser(name, help=summary, add_help=False)
    # Only the chosen one is imported: neither needs the other's dependencies.
    chosen, rest = parser.parse_known_args(argv)
    command = importlib.import_module(f"sandbox.{chosen.stand_in}.command")
    own_parser = argparse.ArgumentParser(
        prog=f"python -m sandbox {chosen.stand_in}",
        description=command.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_arguments(own_parser)
    status: int = command.serve(own_parser.parse_args(rest))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
