"""Kill -9 of anything at random moments of a backfill: `make faults KILLS=100 SEED=4711`."""

import random

import pytest

from tests.faults import whole_account
from tests.faults.killing import PROGRAMS, Killer, check, may_be_repeated, undisturbed
from tests.faults.scene import SHORT, Scene, Stage
from tests.faults.summary import IS_LONG, KILLS, SEED, new_drill, say
from tests.faults.whole_account import backfill_everything

pytestmark = pytest.mark.faults
SCENE = Scene(2, 1200, 9, account="600:10:3") if IS_LONG else SHORT


def test_killed_anywhere_the_files_equal_those_of_an_undisturbed_run(stage: Stage) -> None:
    """Promise 5, nothing twice and nothing lost; promise 2, one active run; promise 4 at random moments."""
    drill, dice = new_drill("kill -9 at random moments"), random.Random(SEED)
    with stage.playing(SCENE) as stack:
        truth = undisturbed(stack, backfill_everything)
        whole_account.require_everything(truth)
        left = KILLS
        while left:
            stack.forget_everything()
            killer = Killer(stack, drill, dice, left, PROGRAMS)
            backfill_everything(stack, killer.haunt)
            truth = check(stack, truth, drill, killer.killed, may_be_repeated(killer.struck))
            say(f"{killer.killed} kills, and every file is as it should be")
            left = killer.left
