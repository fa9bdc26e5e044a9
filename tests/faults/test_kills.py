"""Kill -9 of anything at random moments of a backfill: `make faults KILLS=100 SEED=4711`."""

import random
from pathlib import Path

import pytest

from tests.faults import whole_account
from tests.faults.histories import histories
from tests.faults.killing import PROGRAMS, Killer, check, may_be_repeated, undisturbed
from tests.faults.stack import started
from tests.faults.summary import IS_LONG, KILLS, SEED, new_drill, say
from tests.faults.whole_account import backfill_everything

pytestmark = pytest.mark.faults
SIZE = "600:10:3" if IS_LONG else "80:4:2"
# Repositories, commits in each, years.
HISTORIES = (2, 1200, 9) if IS_LONG else (1, 200, 2)


def test_killed_anywhere_the_files_equal_those_of_an_undisturbed_run(place: Path, tmp_path: Path) -> None:
    """Promise 5, nothing twice and nothing lost; promise 2, one active run; promise 4 at random moments."""
    drill, dice = new_drill("kill -9 at random moments"), random.Random(SEED)
    repositories = [*histories(place, *HISTORIES), whole_account.rides(tmp_path)]
    with started(place, *repositories, account=whole_account.made_up(SIZE)) as stack:
        whole_account.make_private(stack)
        truth = undisturbed(stack, backfill_everything)
        whole_account.require_everything(truth)
        left = KILLS
        while left:
            killer = Killer(stack, drill, dice, left, PROGRAMS)
            backfill_everything(stack, killer.haunt)
            truth = check(stack, truth, drill, killer.killed, may_be_repeated(killer.struck))
            say(f"{killer.killed} kills, and every file is as it should be")
            left = killer.left
            stack.forget_everything()
