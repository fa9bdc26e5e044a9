"""The commands that measure begin without Django: they start the service that they measure."""

import os
import subprocess
import sys

import pytest

from config.run.folders import CHECKOUT


@pytest.mark.parametrize("module", ["tests.load", "tests.benchmarks.bench", "tests.benchmarks.costs"])
def test_a_command_that_measures_says_how_it_is_used(module: str) -> None:
    env = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    said = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        cwd=CHECKOUT,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert module in said.stdout
