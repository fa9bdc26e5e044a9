"""Kill -9 of anything at random moments of a backfill: `make faults KILLS=100 SEED=4711`."""

import random
from pathlib import Path

import pytest

from tests.faults.histories import histories
from tests.faults.killing import PROGRAMS, Killer, backfill, check, undisturbed
from tests.faults.stack import started
from tests.faults.summary import IS_LONG, KILLS, SEED, new_drill, say

pytestmark = pytest.mark.faults


def test_killed_anywhere_the_files_equal_those_of_an_undisturbed_run(place: Path) -> None:
    """Promise 5, nothing twice and nothing lost; promise 2, one active run; promise 4 at random moments."""
    drill, dice = new_drill("kill -9 at random moments"), random.Random(SEED)
    repositories = histories(place, *((3, 1500, 9) if IS_LONG else (2, 500, 4)))
    with started(place, *repositories) as stack:
        truth = undisturbed(stack)
        left = KILLS
        while left:
            killer = Killer(stack, drill, dice, left, PROGRAMS)
            backfill(stack, killer.haunt)
            truth = check(stack, truth, drill, killer.killed)
            say(f"{killer.killed} kills, and every file is as it should be")
            left = killer.left
            stack.forget_everything()
