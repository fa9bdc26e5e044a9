import os
import signal
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.run.interrupt import Interrupt
from config.run.processes import Child, rotate, stop_together, tail
from tests.config.run.programs import is_alive, wait_for

MakeChild = Callable[..., Child]


@pytest.fixture
def make_child(tmp_path: Path) -> Iterator[MakeChild]:
    made: list[Child] = []

    def make(code: str, name: str = "child", **options: float) -> Child:
        command = [sys.executable, "-u", "-c", textwrap.dedent(code)]
        child = Child(name, command, dict(os.environ), tmp_path / f"{name}.log", tmp_path, **options)  # type: ignore[arg-type]
        made.append(child)
        return child

    yield make
    for child in made:
        child.kill_group()


SLEEPER = "import time; print('ready'); time.sleep(60)"
STUBBORN = """
    import signal, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("ready")
    time.sleep(60)
"""
COUNTER = """
    import signal, sys, time
    seen = []
    signal.signal(signal.SIGTERM, lambda *_: seen.append(1))
    print("ready")
    while not seen:
        time.sleep(0.01)
    time.sleep(0.3)
    print("signals:", len(seen))
"""
PARENT = """
    import subprocess, sys, time
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    print("ready", child.pid, flush=True)
    time.sleep(60)
"""


def is_ready(child: Child) -> bool:
    return "ready" in child.log.read_text()


def test_its_output_goes_to_its_log(make_child: MakeChild) -> None:
    child = make_child("import sys; print('out'); print('err', file=sys.stderr)")
    child.start()
    wait_for(lambda: not child.is_running)
    assert child.exit_code == 0
    assert set(child.log.read_text().split()) == {"out", "err"}


def test_it_is_in_a_session_of_its_own(make_child: MakeChild) -> None:
    child = make_child(SLEEPER)
    child.start()
    assert child.pid is not None
    assert os.getsid(child.pid) == child.pid


def test_it_gets_exactly_one_signal(make_child: MakeChild) -> None:
    child = make_child(COUNTER)
    child.start()
    wait_for(lambda: is_ready(child))
    stop_together([child], Interrupt())
    assert "signals: 1" in child.log.read_text()
    assert child.exit_code == 0


def test_one_that_does_not_listen_is_killed_when_its_time_is_up(make_child: MakeChild) -> None:
    child = make_child(STUBBORN, stop_seconds=0.3)
    child.start()
    wait_for(lambda: is_ready(child))
    stop_together([child], Interrupt())
    assert child.exit_code == -signal.SIGKILL


def test_a_second_interrupt_does_not_wait(make_child: MakeChild) -> None:
    child = make_child(STUBBORN, stop_seconds=60)
    child.start()
    wait_for(lambda: is_ready(child))
    insisting = Interrupt()
    insisting.count = 2
    began = time.monotonic()
    stop_together([child], insisting)
    assert time.monotonic() - began < 5
    assert not child.is_running


def test_what_a_killed_leader_left_behind_is_ended(make_child: MakeChild) -> None:
    child = make_child(PARENT)
    child.start()
    wait_for(lambda: is_ready(child))
    orphan = int(child.log.read_text().split()[1])
    assert child.process is not None
    child.process.kill()
    wait_for(lambda: not child.is_running)
    assert is_alive(orphan)
    child.kill_group()
    wait_for(lambda: not is_alive(orphan))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a child")
def test_it_is_told_when_its_parent_is_killed(make_child: MakeChild, tmp_path: Path) -> None:
    child = make_child(f"""
        import os, sys, time
        from pathlib import Path
        from config.run.processes import Child
        folder = Path({str(tmp_path)!r})
        command = [sys.executable, "-c", "import time; time.sleep(60)"]
        grandchild = Child("g", command, os.environ, folder / "g.log", folder)
        grandchild.start()
        print("ready", grandchild.pid, flush=True)
        time.sleep(60)
    """)
    child.env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    child.start()
    wait_for(lambda: is_ready(child))
    grandchild = int(child.log.read_text().split()[1])
    assert child.process is not None
    child.process.kill()
    wait_for(lambda: not is_alive(grandchild))


def test_stopping_what_never_started_is_fine(make_child: MakeChild) -> None:
    stop_together([make_child(SLEEPER)], Interrupt())


def test_a_log_that_grew_too_long_is_put_aside(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_text("x" * 11)
    rotate(log, cap=11)
    assert log.exists()
    rotate(log, cap=10)
    assert not log.exists()
    assert (tmp_path / "web.log.1").read_text() == "x" * 11


def test_the_tail_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    assert tail(log) == "(no log)"
    log.write_text("")
    assert tail(log) == "(the log is empty)"
    log.write_text("\n".join(map(str, range(100))))
    assert tail(log, lines=2) == "98\n99"
