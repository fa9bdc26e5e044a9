import os
import signal
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.run.interrupt import Interrupt
from config.run.processes import Child
from config.run.supervisor import HEALTHY_SECONDS, LONGEST_DELAY, Backoff, Supervisor
from config.run.survivors import end_survivors, remember
from tests.config.run.programs import is_alive, wait_for

SLEEPER = "import time; time.sleep(60)"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(said: list[str], tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(Interrupt(), said.append, tmp_path / "processes.json")
    yield made
    made.interrupt.count = 2
    made.stop()


def child(tmp_path: Path, code: str, name: str = "worker") -> Child:
    command = [sys.executable, "-u", "-c", textwrap.dedent(code)]
    return Child(name, command, dict(os.environ), tmp_path / f"{name}.log", tmp_path)


def run_until(supervisor: Supervisor, is_done: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    supervisor.run(lambda: is_done() or time.monotonic() > deadline)
    assert is_done(), "it took too long"


def kill(victim: Child) -> int:
    pid = victim.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return pid


class TestBackoff:
    def test_the_delay_doubles_up_to_a_limit_while_it_dies_young(self) -> None:
        backoff = Backoff()
        assert [backoff.after(1) for _ in range(7)] == [0.5, 1, 2, 4, 8, LONGEST_DELAY, LONGEST_DELAY]

    def test_a_healthy_life_resets_it(self) -> None:
        backoff = Backoff()
        for _ in range(5):
            backoff.after(1)
        assert backoff.after(HEALTHY_SECONDS) == 0.5
        assert backoff.after(1) == 1


def test_a_killed_child_is_started_again_and_one_line_says_so(
    supervisor: Supervisor, said: list[str], tmp_path: Path
) -> None:
    worker = child(tmp_path, SLEEPER)
    supervisor.start([worker])
    before = kill(worker)
    run_until(supervisor, lambda: worker.is_running and worker.pid != before)
    assert said == [f"worker was ended by signal 9; starting it again in 0.5 s. Its log: {worker.log}"]


def test_its_exit_code_is_told(supervisor: Supervisor, said: list[str], tmp_path: Path) -> None:
    supervisor.start([child(tmp_path, "raise SystemExit(3)")])
    run_until(supervisor, lambda: bool(said))
    assert said[0].startswith("worker ended with exit code 3; starting it again in 0.5 s.")


def test_one_that_cannot_be_started_again_is_tried_later(
    supervisor: Supervisor, said: list[str], tmp_path: Path
) -> None:
    worker = child(tmp_path, SLEEPER)
    supervisor.start([worker])
    program, worker.command[0] = worker.command[0], str(tmp_path / "absent")
    kill(worker)
    run_until(supervisor, lambda: len(said) == 2)
    assert "cannot be started" in said[1]
    worker.command[0] = program
    run_until(supervisor, lambda: worker.is_running)


def test_stopping_goes_backwards_through_the_stages(supervisor: Supervisor, tmp_path: Path) -> None:
    code = f"""
        import signal, sys, time
        def stop(*_):
            with open({str(tmp_path / "order")!r}, "a") as file:
                file.write(sys.argv[1] + " ")
            sys.exit(0)
        signal.signal(signal.SIGTERM, stop)
        print("ready")
        time.sleep(60)
    """
    children = [child(tmp_path, code, name) for name in ("database", "stand-in", "web")]
    for one in children:
        one.command.append(one.name)
        supervisor.start([one])
    run_until(supervisor, lambda: all("ready" in one.log.read_text() for one in children))
    supervisor.stop()
    assert (tmp_path / "order").read_text().split() == ["web", "stand-in", "database"]
    assert not any(one.is_running for one in children)


def test_a_child_that_waits_to_be_started_again_stays_stopped(supervisor: Supervisor, tmp_path: Path) -> None:
    worker = child(tmp_path, SLEEPER)
    supervisor.start([worker])
    kill(worker)
    run_until(supervisor, lambda: not worker.is_running)
    supervisor.tend()
    supervisor.stop()
    time.sleep(0.1)
    assert not worker.is_running


class TestSurvivors:
    def test_what_a_killed_supervisor_left_is_ended(self, tmp_path: Path) -> None:
        left, note = child(tmp_path, SLEEPER), tmp_path / "note.json"
        left.start()
        remember(note, [left])
        end_survivors(note, Interrupt())
        assert left.exit_code == -left.stop_signal
        assert not note.exists()

    def test_workers_whose_master_is_dead_already_are_ended(self, tmp_path: Path) -> None:
        code = """
            import subprocess, sys, time
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
            print(child.pid, flush=True)
            time.sleep(60)
        """
        master, note = child(tmp_path, code), tmp_path / "note.json"
        master.start()
        wait_for(lambda: master.log.read_text().strip())
        remember(note, [master])
        orphan = int(master.log.read_text())
        kill(master)
        end_survivors(note, Interrupt())
        wait_for(lambda: not is_alive(orphan))

    def test_another_program_with_the_same_number_is_left_alone(self, tmp_path: Path) -> None:
        other, note = child(tmp_path, SLEEPER), tmp_path / "note.json"
        other.start()
        note.write_text(f'{{"{other.pid}": ["started at another time", 15]}}')
        end_survivors(note, Interrupt())
        assert other.is_running
        other.kill_group()

    @pytest.mark.parametrize("content", ["", "{", "[]", '{"x": 1}', '{"1": ["", ""]}'])
    def test_a_damaged_note_is_no_hindrance(self, tmp_path: Path, content: str) -> None:
        note = tmp_path / "note.json"
        note.write_text(content)
        end_survivors(note, Interrupt())

    def test_the_note_goes_when_all_is_stopped(self, supervisor: Supervisor, tmp_path: Path) -> None:
        supervisor.start([child(tmp_path, SLEEPER)])
        assert (tmp_path / "processes.json").exists()
        supervisor.stop()
        assert not (tmp_path / "processes.json").exists()
