import json
import sys
from pathlib import Path

import pytest

from config.run import audit

SKIPPED = {"name": "redis", "skip_reason": "Dependency not found on PyPI"}
FINE = {"name": "django", "version": "5.2.19", "vulns": []}
WEAK = {"name": "requests", "version": "2.0", "vulns": [{"id": "PYSEC-2"}, {"id": "PYSEC-1"}]}


def report(*packages: object) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


@pytest.mark.parametrize("text", ["", "Traceback ...", "[]", report(SKIPPED)])
def test_a_list_that_could_not_be_asked_is_never_taken_for_a_clean_one(text: str) -> None:
    found = audit.read_report(text)
    assert not found.audited
    assert "NOT AUDITED" in audit.tell(Path("base.txt"), found)


def test_what_is_weak_is_named() -> None:
    found = audit.read_report(report(FINE, WEAK))
    told = audit.tell(Path("base.txt"), found)
    assert told == "base.txt: requests 2.0 is known to be weak: PYSEC-1, PYSEC-2"


def test_what_was_left_out_is_named() -> None:
    told = audit.tell(Path("base.txt"), audit.read_report(report(FINE, SKIPPED)))
    assert told == "base.txt: no weakness is known of 1 packages; NOT AUDITED: redis"


def pip_audit(folder: Path, answers: dict[str, str]) -> str:
    """A program that says for each list what the real one would."""
    program = folder / "pip-audit"
    code = f"import sys\nprint({answers!r}[sys.argv[sys.argv.index('--vulnerability-service') + 1]])\n"
    program.write_text(f"#!{sys.executable}\n{code}")
    program.chmod(0o700)
    return str(program)


def test_the_second_list_is_asked_where_the_first_is_out_of_reach(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = pip_audit(tmp_path, {"pypi": report(SKIPPED), "osv": report(FINE)})
    assert audit.main([program, "base.txt"]) == 0
    assert "no weakness is known of 1 packages" in capsys.readouterr().out


def test_a_weakness_is_a_failure_and_an_unreachable_list_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.main([pip_audit(tmp_path, {"pypi": report(WEAK)}), "base.txt"]) == 1
    assert audit.main([pip_audit(tmp_path, {"pypi": "", "osv": ""}), "base.txt"]) == 0
    assert "Neither list of known weaknesses could be reached" in capsys.readouterr().out
