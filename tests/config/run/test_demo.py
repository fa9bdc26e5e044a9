from pathlib import Path

import pytest

from config.run.demo import NOT_TAKEN_OVER, Demonstration, Outcome, Wanted, make_plan, report
from config.run.environment import CREDENTIALS
from tests.repositories import Repository


def test_nothing_of_the_person_leads_to_real_services_or_data(tmp_path: Path) -> None:
    environ = {**dict.fromkeys(NOT_TAKEN_OVER, "real"), "HOME": "/home/me", "PORT": "8000"}
    plan = make_plan(environ, Wanted([tmp_path], None, None, 60), tmp_path)
    assert plan.is_sandbox
    assert "real" not in plan.env.values()
    assert plan.env["HOME"] == "/home/me"
    assert set(CREDENTIALS) <= set(NOT_TAKEN_OVER)


def test_it_runs_beside_a_service_on_the_usual_ports(tmp_path: Path) -> None:
    plan = make_plan({"PORT": "8000"}, Wanted([tmp_path], None, None, 60), tmp_path)
    ports = [plan.env[name] for name in ("PORT", "SANDBOX_GITHUB_PORT", "SANDBOX_OPENHUMANS_PORT")]
    assert len(set(ports)) == 3
    assert "8000" not in ports


def test_the_member_can_be_chosen(tmp_path: Path) -> None:
    plan = make_plan({}, Wanted([tmp_path], "alice", "alice@example.org", 60), tmp_path)
    assert (plan.env["SANDBOX_LOGIN"], plan.env["SANDBOX_EMAIL"]) == ("alice", "alice@example.org")


@pytest.mark.parametrize(
    ("email", "author", "commits"),
    [(None, "the one with most commits", 2), ("b@example.org", "the one asked for", 1)],
)
def test_what_is_printed_names_the_repository_and_no_address(
    tmp_path: Path, email: str | None, author: str, commits: int
) -> None:
    repository = Repository.create(tmp_path / "walks", "a@example.org")
    repository.add(["2026-05-04T10:00:00+00:00", "2026-05-04T11:00:00+00:00"])
    repository.add(["2026-05-05T10:00:00+00:00"], email="b@example.org")
    wanted, outcome = Wanted([repository.path], None, email, 60), Outcome()

    expected = Demonstration(make_plan({}, wanted, tmp_path), wanted, outcome).expected_commits()

    assert len(expected) == commits
    assert outcome.rows == {"history of": "walks", "author": author}


def test_one_problem_makes_it_fail_and_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(Outcome(problems=["commit 1 is missing."], rows={"files": "2"})) == 1
    said = capsys.readouterr().out
    assert "files  2" in said
    assert "commit 1 is missing." in said
    assert "equal" not in said


def test_without_a_problem_it_succeeds(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(Outcome(rows={"files": "2"})) == 0
    assert "the commits equal git log" in capsys.readouterr().out
