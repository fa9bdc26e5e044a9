"""`python -m config.run`, with a gate before each stand-in: GITHUB_GATE and OPENHUMANS_GATE say where.

The search has to know what went over the wire, and the service's own ports lead to the stand-ins directly.
"""

import sys
from collections.abc import Mapping

from config.run import __main__, environment

sandbox_settings = environment.sandbox_settings


def through_the_gates(env: Mapping[str, str], secrets: Mapping[str, str]) -> dict[str, str]:
    gates = {
        "OPENHUMANS_URL": env["OPENHUMANS_GATE"],
        "GITHUB_URL": env["GITHUB_GATE"],
        "GITHUB_API_URL": f"{env['GITHUB_GATE']}/api",
    }
    return sandbox_settings(env, secrets) | gates


if __name__ == "__main__":
    environment.sandbox_settings = through_the_gates
    sys.exit(__main__.main())
