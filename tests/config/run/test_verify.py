import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config.run.history import Commit, read_history
from config.run.verify import (
    Published,
    check_commits,
    check_file,
    check_weeks,
    cost_between,
    shortened,
    week_end,
    week_of,
)
from tests.config.run.gitting import Repository

WEB = "https://github.test"
SCHEMA = {"type": "object", "required": ["weeks"], "properties": {"year": {"type": "integer"}}}


@pytest.fixture
def history(tmp_path: Path) -> list[Commit]:
    repository = Repository(tmp_path / "r")
    repository.commit("one", at="2026-01-01T00:30:00+02:00", files={"a.txt": "1\n2\n"})
    repository.commit("two\n\nbody", at="2026-04-27T09:12:01+02:00", files={"a.txt": "1\n"})
    return read_history(repository.folder)


def published(history: list[Commit], **changes: Any) -> list[dict[str, Any]]:
    """The year files as the service should write them; `changes` are made to the newest commit."""
    weeks: dict[str, dict[str, Any]] = {}
    for number, commit in enumerate(history):
        record = {
            "repository": f"alice/{commit.repository}",
            "oid": commit.oid,
            "authored_at": commit.authored_at.isoformat(),
            "message": commit.message,
            "additions": commit.additions,
            "deletions": commit.deletions,
            "changed_files": commit.changed_files,
            "url": f"{WEB}/alice/{commit.repository}/commit/{commit.oid}",
            "visibility": "public",
        }
        record.update(changes if number == 0 else {})
        weeks.setdefault(week_of(commit.authored_at), {"commits": []})["commits"].append(record)
    return [{"weeks": weeks}]


class TestWeeks:
    def test_a_week_is_that_of_the_moment_in_utc(self) -> None:
        assert week_of(datetime.fromisoformat("2026-01-01T00:30:00+02:00")) == "2026-W01"
        assert week_of(datetime.fromisoformat("2027-01-01T00:30:00+02:00")) == "2026-W53"
        assert week_of(datetime.fromisoformat("2026-04-27T01:00:00+02:00")) == "2026-W17"

    def test_it_ends_with_its_sunday(self) -> None:
        assert week_end("2026-W17") == datetime(2026, 4, 27, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("state", "hours", "is_fine"),
        [
            ("complete", 49, True),
            ("open", 49, False),
            ("settling", 49, False),
            ("missing", 49, False),
            ("unreadable", 49, False),
            ("settling", 47, True),
            ("open", 47, True),
            ("complete", 47, False),
            ("open", -10, True),
            ("complete", -10, False),
            ("missing", -10, False),
        ],
    )
    def test_the_state_follows_from_the_hours_since_its_end(
        self, state: str, hours: float, is_fine: bool
    ) -> None:
        now = week_end("2026-W17") + timedelta(hours=hours)
        problems = check_weeks([{"name": "f", "weeks": {"2026-W17": state}}], now, now)
        assert (problems == []) is is_fine

    @pytest.mark.parametrize("state", ["complete", "settling"])
    def test_a_week_that_settles_during_the_sync_may_be_either(self, state: str) -> None:
        settled = week_end("2026-W17") + timedelta(hours=48)
        minute = timedelta(minutes=1)
        listed = [{"name": "f", "weeks": {"2026-W17": state}}]
        assert check_weeks(listed, settled - minute, settled + minute) == []


class TestFile:
    def file(self, content: bytes, **listed: Any) -> Published:
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        return Published({"name": "f", "size": len(content), "md5": digest, **listed}, content)

    def test_a_whole_and_valid_one_has_no_problem(self) -> None:
        assert check_file(self.file(b'{"weeks": {}}'), SCHEMA) == []

    def test_size_and_md5_must_be_as_listed(self) -> None:
        problems = check_file(self.file(b'{"weeks": {}}', size=1, md5="0"), SCHEMA)
        assert problems[0] == "f: 13 bytes, but 1 are listed."
        assert problems[1].startswith("f: its MD5 is ")

    def test_it_must_be_valid(self) -> None:
        (problem,) = check_file(self.file(b'{"weeks": {}, "year": "2026"}'), SCHEMA)
        assert problem.startswith("f: invalid at year: ")

    def test_it_must_be_json(self) -> None:
        (problem,) = check_file(self.file(b'{"weeks": '), SCHEMA)
        assert problem.startswith("f: not JSON")


class TestCommits:
    def test_equal_commits_have_no_problem(self, history: list[Commit]) -> None:
        assert check_commits(history, published(history), WEB) == []

    def test_a_missing_one_is_named(self, history: list[Commit]) -> None:
        assert check_commits(history, published(history[1:]), WEB) == [
            f"commit {history[0].oid} is missing in r."
        ]

    def test_a_surplus_one_is_named(self, history: list[Commit]) -> None:
        assert check_commits(history[1:], published(history), WEB) == [
            f"commit {history[0].oid} is not in git log of r."
        ]

    def test_one_that_stands_there_twice_is_surplus(self, history: list[Commit]) -> None:
        documents = published(history) + published(history[:1])
        assert check_commits(history, documents, WEB) == [f"commit {history[0].oid} is not in git log of r."]

    def test_one_of_two_repositories_must_stand_there_twice(self, history: list[Commit]) -> None:
        documents = published(history) + published(history)
        assert check_commits([*history, *history], documents, WEB) == []
        assert len(check_commits([*history, *history], published(history), WEB)) == 2

    def test_one_that_stands_in_another_repository_is_missing_in_its_own(self, history: list[Commit]) -> None:
        problems = check_commits(history, published(history, repository="alice/other"), WEB)
        assert problems == [
            f"commit {history[0].oid} is missing in r.",
            f"commit {history[0].oid} is not in git log of other.",
        ]

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"additions": 7}, "7 additions, not 0"),
            ({"deletions": None}, "None deletions, not 1"),
            ({"changed_files": 2}, "2 changed_files, not 1"),
            ({"url": f"{WEB}/alice/r/commit/0"}, "is not its page"),
            ({"repository": "bob/r"}, "is not its page"),
            ({"visibility": "private"}, "private, not public"),
            ({"message": "other"}, "the message differs"),
            ({"authored_at": "2026-04-27T09:12:02+02:00"}, "authored at"),
            ({"authored_at": "2026-04-27T07:12:01+00:00"}, "authored at"),
        ],
    )
    def test_a_different_value_is_named(
        self, history: list[Commit], change: dict[str, Any], said: str
    ) -> None:
        (problem,) = check_commits(history, published(history, **change), WEB)
        assert problem.startswith(f"commit {history[0].oid}")
        assert said in problem

    def test_a_wrong_week_is_named(self, history: list[Commit]) -> None:
        documents = json.loads(json.dumps(published(history)).replace("2026-W18", "2026-W19"))
        (problem,) = check_commits(history, documents, WEB)
        assert problem.endswith("stands in 2026-W19, not in 2026-W18.")

    def test_many_differences_are_counted_instead_of_listed(self, history: list[Commit]) -> None:
        many = [replace(history[0], oid=f"{number:040x}") for number in range(100)]
        problems = check_commits(many, [], WEB)
        assert len(problems) == 6
        assert problems[-1] == "... and 95 more of this sort."


def test_signing_in_and_tokens_cost_nothing() -> None:
    before = {"by_endpoint": {"POST /api/graphql": 3, "POST /login/oauth/access_token": 1}}
    after = {
        "by_endpoint": {"POST /api/graphql": 4, "POST /login/oauth/access_token": 2, "GET /oauth2/token/": 1}
    }
    assert cost_between(before, after) == 1


def test_few_problems_are_all_shown() -> None:
    assert shortened(["a", "b"]) == ["a", "b"]
