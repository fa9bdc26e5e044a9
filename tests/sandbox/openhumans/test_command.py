from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from sandbox.__main__ import main
from sandbox.openhumans import command


def parse(*given: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(given)


def test_redirect_addresses_may_be_given_several_times(tmp_path: Path) -> None:
    arguments = parse("--data", str(tmp_path), "--redirect-uri", "http://a/", "--redirect-uri", "http://b/")
    assert arguments.redirect_uri == ["http://a/", "http://b/"]
    assert (arguments.host, arguments.port, arguments.latency) == ("127.0.0.1", 9002, 0)


def test_a_folder_that_cannot_be_used_is_said_plainly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert command.serve(parse("--data", str(tmp_path / "file" / "below"))) == 1
    assert "Cannot keep files in" in capsys.readouterr().err


def test_a_state_that_is_no_database_is_said_plainly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state.sqlite3").write_text("not a database, but long enough to be looked at")
    assert command.serve(parse("--data", str(tmp_path))) == 1
    assert "Choose another --data" in capsys.readouterr().err


def test_a_webhook_needs_an_http_address(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.serve(parse("--data", str(tmp_path), "--webhook-url", "file:///etc/passwd")) == 2
    assert "--webhook-url must be an http address" in capsys.readouterr().err


@pytest.mark.parametrize("given", [[], ["gitlab"], ["openhumans"], ["openhumans", "--nonsense"]])
def test_a_wrong_command_line_is_refused(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(given)
    assert caught.value.code == 2
    assert "usage: python -m sandbox" in capsys.readouterr().err


def test_help_is_the_stand_ins_own(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["openhumans", "--help"])
    shown = capsys.readouterr().out
    assert "--webhook-url" in shown
    assert "SANDBOX_CLIENT_SECRET" in shown
