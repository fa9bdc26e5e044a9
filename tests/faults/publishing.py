"""Stop the publishing of a file at each of its steps: kill the worker there, or let it hang beyond its lease.

A limit in the middle of a backfill leaves files that are only begun. Going on after it is the publishing that
is attacked: it lists, downloads, starts, puts, completes and deletes.
"""

import json
import random
from dataclasses import dataclass

from tests.faults.gate import Place
from tests.faults.killing import Truth, check
from tests.faults.stack import BOOT_SECONDS, LEASE_SECONDS, SCAN_SECONDS, Stack
from tests.faults.summary import IS_LONG, Drill, say

API = "/api/direct-sharing/project"
CALLS = {
    "list": f"GET {API}/exchange-member/",
    "link": "GET /data-management/datafile-download/*/",
    "download": "GET /storage/*",
    "start": f"POST {API}/files/upload/direct/",
    "put": "PUT /storage/*",
    "complete": f"POST {API}/files/upload/complete/",
    "delete": f"POST {API}/files/delete/",
}
# Long enough to be seen, with the second that is waited beyond it.
BLOCK_SECONDS = 2.5 if IS_LONG else 1.0
RESUME_SECONDS = LEASE_SECONDS + SCAN_SECONDS + BOOT_SECONDS


@dataclass(frozen=True)
class Point:
    """Where a request is stopped: before it arrives, or before its answer does."""

    call: str
    place: Place

    def __str__(self) -> str:
        return f"{self.call}, {'on its way' if self.place == 'request' else 'its answer'}"


POINTS = [Point(call, place) for call in CALLS for place in ("request", "answer")]


def sample(points: list[Point], count: int, dice: random.Random) -> list[Point]:
    return [*points] if count >= len(points) else dice.sample(points, count)


def begin(stack: Stack) -> set[str]:
    """A backfill up to its wait for a limit; give the names of the files that are there by then."""
    stack.forget_everything()
    # GitHub's ninth answer is the last one: by then the newest commits are here, and older ones are not.
    stack.fault(stack.github, refuse_after_requests={"after": 9, "for_seconds": BLOCK_SECONDS})
    stack.connect()
    stack.live(lambda: stack.is_waiting, what="the run waits for the limit")
    names = set(stack.stored())
    assert names
    return names


def require_whole_copies(stack: Stack, names: set[str]) -> None:
    """At every instant the member has one whole copy of everything that was there before."""
    state, whole = stack.state, set()
    for file in stack.all_files():
        path = state.files.content(file)
        assert path is not None
        content = path.read_bytes()
        assert content
        assert not file.basename.endswith(".json") or json.loads(content)
        whole.add(file.basename)
    assert names <= whole


def kill_at(stack: Stack, point: Point, truth: Truth, drill: Drill) -> Truth:
    """Kill -9 of all workers with the request at this point; whoever comes next finishes or forgets it."""
    names = begin(stack)
    with stack.openhumans.hold(CALLS[point.call], point.place) as held:
        stack.live(lambda: held.is_reached, what=f"somebody asks: {point}")
        require_whole_copies(stack, names)
        stack.kill_worker()
        held.drop()
    took = stack.live(lambda: stack.settled, RESUME_SECONDS + 60, f"the run ends after a kill at: {point}")
    require_whole_copies(stack, names)
    stack.require_success()
    say(f"killed at {point}; everything was there {took:.1f} s later")
    return check(stack, truth, drill, 1)


def hang_at(stack: Stack, point: Point, truth: Truth, drill: Drill) -> Truth:
    """The worker hangs here beyond its lease, another one publishes everything, then the first wakes up."""
    names = begin(stack)
    with stack.openhumans.hold(CALLS[point.call], point.place) as held:
        stack.live(lambda: held.is_reached, what=f"somebody asks: {point}")
        stack.live(lambda: stack.settled, RESUME_SECONDS + 60, f"others finish what hangs at: {point}")
        stack.require_success()
        published = stack.checksums()
        before = stack.openhumans.log.copy()
        held.release()
        stack.live(lambda: stack.has_given_up, RESUME_SECONDS, f"the one that hung at {point} notices")
    require_whole_copies(stack, names)
    assert stack.checksums() == published
    # The run that finished tells the member so once its success is committed: that is not about files.
    late = stack.openhumans.log[len(before) :]
    asked_late = [call for call in late if not str(call).endswith("/message/")]
    assert asked_late == [], f"asked without a lease: {asked_late}"
    say(f"hung at {point}; it woke up, noticed, and changed nothing")
    return check(stack, truth, drill, 1)
