"""Each line of the table of what can fail, in the middle of a backfill by real processes."""

import random

import pytest

from tests.faults.killing import undisturbed
from tests.faults.scene import SHORT, Scene, Stage
from tests.faults.situations import LINES, SITUATIONS, go_through
from tests.faults.summary import IS_LONG, SEED, new_drill

pytestmark = pytest.mark.faults
# A wait that GitHub gave no end for lasts longer than its shortest limit.
SCENE = Scene(2, 700, 5, wait_floor_seconds=1.5) if IS_LONG else SHORT
SAMPLE = "two of them"


@pytest.mark.parametrize("line", LINES if IS_LONG else [SAMPLE])
def test_whatever_fails_the_member_is_told_and_in_the_end_all_is_there(stage: Stage, line: str) -> None:
    """Promise 10, a limit is not a failure; promise 7, no request while blocked."""
    dice = random.Random(SEED)
    situations = [situation for situation in SITUATIONS if situation.line == line]
    drill = new_drill(line)
    with stage.playing(SCENE) as stack:
        truth = undisturbed(stack)
        for situation in situations or dice.sample(SITUATIONS, 2):
            truth = go_through(stack, situation, truth, drill)
