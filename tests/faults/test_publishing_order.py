"""The order of publishing, attacked at each of its steps by real processes."""

import random

import pytest

from tests.faults.killing import undisturbed
from tests.faults.publishing import POINTS, Point, hang_at, kill_at, sample
from tests.faults.scene import SHORT, Scene, Stage
from tests.faults.summary import IS_LONG, SEED, new_drill

pytestmark = pytest.mark.faults
SCENE = Scene(1, 700, 4) if IS_LONG else SHORT


def test_at_every_step_of_publishing_the_member_has_one_whole_copy(stage: Stage) -> None:
    """Promise 4, the order of publishing; promise 2, a lost lease writes nothing; promise 3."""
    dice = random.Random(SEED)
    killed, hung = new_drill("kill -9 at each step of publishing"), new_drill("hanging beyond the lease")
    with stage.playing(SCENE) as stack:
        truth = undisturbed(stack)
        for point in sample(POINTS, 99 if IS_LONG else 1, dice):
            truth = kill_at(stack, point, truth, killed)
        in_put = Point("put", "request")
        others = [point for point in POINTS if point != in_put]
        for point in [in_put, *(others if IS_LONG else [])]:
            truth = hang_at(stack, point, truth, hung)
