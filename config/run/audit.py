"""`make audit`: known weaknesses of what is pinned, asked of two public lists by pip-audit.

`python -m config.run.audit PIP-AUDIT FILE ...`. Exit codes: 0 nothing is known, or the lists could not be
asked, which is said in so many words; 1 a weakness is known.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Either may be out of reach where the other is not.
SERVICES = ("pypi", "osv")
SECONDS = 600


@dataclass
class Audit:
    """What one list says of the packages of one file: `name version` of each."""

    audited: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    weak: dict[str, list[str]] = field(default_factory=dict)


def read_report(text: str) -> Audit:
    """pip-audit's JSON. Nothing was audited where there is none: it could not ask."""
    audit = Audit()
    try:
        packages: list[dict[str, Any]] = json.loads(text)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return audit
    for package in packages:
        if "skip_reason" in package:
            audit.skipped.add(package["name"])
            continue
        audit.audited.add(package["name"])
        if package["vulns"]:
            name = f"{package['name']} {package['version']}"
            audit.weak[name] = sorted(weakness["id"] for weakness in package["vulns"])
    return audit


def ask(program: str, service: str, file: Path) -> Audit:
    options = ["--disable-pip", "--no-deps", "--progress-spinner", "off", "--format", "json"]
    done = subprocess.run(
        [program, *options, "--vulnerability-service", service, "--requirement", str(file)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return read_report(done.stdout)


def tell(file: Path, audit: Audit) -> str:
    if audit.weak:
        return "\n".join(
            f"{file}: {name} is known to be weak: {', '.join(weak)}" for name, weak in audit.weak.items()
        )
    if not audit.audited:
        return f"{file}: NOT AUDITED. Neither list of known weaknesses could be reached from here."
    left_out = f"; NOT AUDITED: {', '.join(sorted(audit.skipped))}" if audit.skipped else ""
    return f"{file}: no weakness is known of {len(audit.audited)} packages{left_out}"


def main(arguments: Sequence[str]) -> int:
    program, *files = arguments
    is_weak = False
    for file in map(Path, files):
        answers = (ask(program, service, file) for service in SERVICES)
        audit = next((answer for answer in answers if answer.audited), Audit())
        is_weak = is_weak or bool(audit.weak)
        print(tell(file, audit), flush=True)
    return int(is_weak)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
