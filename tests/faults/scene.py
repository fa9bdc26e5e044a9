"""What a drill is played on, and one service for several drills on the same scene.

To start every process takes longer than a short drill does. So a service stands until a drill wants another
scene, and nobody is in it when one begins. A service whose drill failed is not used again.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from config.run.folders import throw_away
from tests.faults import secret_rides, whole_account
from tests.faults.histories import histories
from tests.faults.stack import Stack, surroundings
from tests.faults.summary import SEED, say


@dataclass(frozen=True)
class Scene:
    """What there is at GitHub: repositories of so many commits each, over so many years, and a private one.

    `account` is the size of a whole account that is made up beside them.
    """

    repositories: int
    commits: int
    years: int
    account: str = ""
    wait_floor_seconds: float = 0.5


# The one of all short drills: every kind of file, and requests enough for something to happen in between.
SHORT = Scene(2, 350, 3, account="80:4:2", wait_floor_seconds=1.5)


@dataclass
class Stage:
    """Holds the service that was started last."""

    folder: Path
    _scene: Scene | None = None
    _stack: Stack | None = None
    _running: ExitStack = field(default_factory=ExitStack)

    @contextmanager
    def playing(self, scene: Scene) -> Iterator[Stack]:
        """The service, as on the first day; in the end it has told no secret."""
        say(f"SEED={SEED}")
        try:
            stack = self._ready(scene)
            stack.is_searched = False
            yield stack
            stack.require_no_leak()
        except BaseException as failure:
            self.close(failure)
            raise

    def close(self, failure: BaseException | None = None) -> None:
        """After a failure nothing more is asked of the service."""
        self._scene = self._stack = None
        self._running.__exit__(type(failure) if failure else None, failure, None)

    def _ready(self, scene: Scene) -> Stack:
        if self._stack is not None and scene == self._scene:
            self._stack.forget_everything()
            return self._stack
        self.close()
        self._stack, self._scene = self._running.enter_context(_started(self.folder, scene)), scene
        return self._stack


@contextmanager
def _started(folder: Path, scene: Scene) -> Iterator[Stack]:
    """GitHub's side lies beside the service: there everything may be read."""
    floor = str(scene.wait_floor_seconds)
    with throw_away(folder) as github, throw_away(folder) as place:
        repositories = histories(github, scene.repositories, scene.commits, scene.years)
        repositories.append(secret_rides.secret_rides(github))
        account = whole_account.made_up(scene.account) if scene.account else []
        with surroundings(place, *repositories, account=account, SYNC_WAIT_FLOOR_SECONDS=floor) as stack:
            stack.start_application()
            secret_rides.hide(stack)
            if scene.account:
                whole_account.make_secret_gist(stack)
            yield stack
