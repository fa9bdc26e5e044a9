"""What an answer, and the question after it, cost a member of many repositories."""

from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

import pytest

from github_client import Contributions
from sync.collect import reading
from sync.collect.repositories import note_contributed
from sync.models import RepositoryState, Subscription
from sync.planner import Again, Stream
from tests.sync.factories import make_contributions

pytestmark = pytest.mark.django_db
MANY = 50


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the rows that became objects."""
    found: list[str] = []
    from_db = RepositoryState.from_db

    def noting(*arguments: Any) -> RepositoryState:
        state = from_db(*arguments)
        found.append(state.node_id)
        return state

    monkeypatch.setattr(RepositoryState, "from_db", noting)
    return found


@pytest.fixture
def many(subscription: Subscription) -> Subscription:
    RepositoryState.objects.bulk_create(
        RepositoryState(subscription=subscription, node_id=f"R_{n}", name=f"o/r{n}", visibility="public")
        for n in range(MANY)
    )
    return subscription


def window(month: int, *names: str) -> Contributions:
    return make_contributions(date(2026, month, 1), date(2026, month, 28), names)


def test_windows_look_up_the_repositories_they_name_once_and_no_others(
    many: Subscription, loaded: list[str]
) -> None:
    note_contributed(many, [window(1, "1", "2"), window(2, "2", "new"), window(3, "1", "2", "new")])
    assert sorted(loaded) == ["R_1", "R_2"]
    assert many.repositories.count() == MANY + 1
    assert many.repositories.get(node_id="R_new").name == "o/new"
    assert many.repositories.get(node_id="R_1").name == "o/1", "as the answer calls it"


def test_what_to_ask_next_is_found_without_an_object_for_each_repository(
    many: Subscription, loaded: list[str]
) -> None:
    moment, again = datetime(2026, 5, 4, tzinfo=UTC), Again("b", "c")
    many.repositories.exclude(node_id="R_7").update(is_read=True)
    many.repositories.update(
        head_oid="a",
        head_committed_at=moment,
        pinned_oid="b",
        cursor="c",
        frontier=moment,
        said=9,
        said_for_oid="b",
        seen_by_week={"2026-W18": [3, 1], "2026-W19": [2, 1]},
        reading={"newest": "x", "again": asdict(again)},
    )
    assert reading.situation(many).streams == [
        Stream("R_7", "a", moment, "b", "c", False, moment, 9, "b", seen=5, again=again)
    ]
    assert loaded == []
