import signal
from pathlib import Path

import pytest

from config.run.errors import Interrupted, RunError, UsageError
from config.run.interrupt import Interrupt
from tests.config.run.programs import run_command


class TestInterrupt:
    def test_the_first_one_asks_and_the_second_one_insists(self) -> None:
        interrupt = Interrupt()
        interrupt.check()
        interrupt._note(signal.SIGINT, None)
        assert not interrupt.insists
        with pytest.raises(Interrupted):
            interrupt.check()
        interrupt._note(signal.SIGTERM, None)
        assert interrupt.insists
        assert interrupt.last_signal == signal.SIGTERM

    def test_waiting_ends_with_what_is_waited_for(self) -> None:
        answers = iter([False, False, True])
        Interrupt().wait_until(lambda: next(answers), seconds=10, failure="too late")

    def test_waiting_too_long_fails_with_the_given_words(self) -> None:
        with pytest.raises(RunError, match="too late"):
            Interrupt().wait_until(lambda: False, seconds=0, failure="too late")

    def test_waiting_ends_when_asked_to_stop(self) -> None:
        interrupt = Interrupt()
        interrupt.count = 1
        with pytest.raises(Interrupted):
            interrupt.wait_until(lambda: False, seconds=10, failure="too late")


def test_exit_codes_tell_a_wrong_setting_from_a_failure_and_from_a_wish() -> None:
    assert (UsageError.exit_code, RunError.exit_code, Interrupted.exit_code) == (2, 1, 0)


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"GITHUB_CLIENT_ID": "x"}, "Not set: OPENHUMANS_CLIENT_ID"),
        ({"GITHUB_URL": "http://x"}, "GITHUB_URL set, but no credentials"),
        ({"PORT": "http"}, "PORT wants a port number"),
    ],
)
def test_a_wrong_setting_is_said_in_a_line_and_starts_nothing(
    tmp_path: Path, env: dict[str, str], said: str
) -> None:
    process = run_command("service", data=tmp_path / "data", **env)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 2
    assert err.strip().startswith(said)
    assert "Traceback" not in err
    assert out == ""
    assert not (tmp_path / "data").exists()


def test_a_repository_that_is_none_stops_the_demonstration(tmp_path: Path) -> None:
    process = run_command("demo", "--repo", str(tmp_path), data=tmp_path / "data")
    _, err = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "is no git repository" in err
