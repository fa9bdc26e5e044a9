"""What others and the member change at GitHub after it was collected: files change when and only when they
should, and what GitHub forgets stays, with the day on which it was missed.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from pytest_django import Settings

from sandbox.github.generated_size import Size
from sync.archive import SCHEMA_FILE
from sync.collect import completeness
from sync.consent import Choice
from sync.models import SyncRun, YearFile
from tests.sync.world import World, living

pytestmark = pytest.mark.django_db(transaction=True)
SIZE = Size(90, 4, 2, 8, 8, 25, 6, 6, 2, 3, 2)
TODAY = datetime.now(UTC).date().isoformat()


@pytest.fixture
def world(tmp_path: Path, settings: Settings) -> Iterator[World]:
    """A small account that has been collected."""
    with living(tmp_path, settings, {}, account=SIZE) as world:
        assert world.sync().state == SyncRun.State.SUCCEEDED
        yield world


def years_changed(world: World, before: dict[str, str]) -> list[str]:
    after = world.checksums()
    return sorted(name for name in world.years() if after[name] != before.get(name))


def without_news(world: World) -> None:
    """One more sync finds nothing: it costs one request and changes no file."""
    before, requests = world.checksums(), world.github.total
    world.sync()
    assert world.github.total - requests == 1
    assert world.checksums() == before


def oldest(world: World, kind: str, **facts: Any) -> dict[str, Any]:
    found = [r for r in world.records(kind) if all(r[name] == value for name, value in facts.items())]
    return min(found, key=lambda record: str(record.get("created_at") or record.get("starred_at")))


# --- What GitHub no longer has ---


@pytest.mark.parametrize(
    ("kind", "facts"),
    [("comments", {"on": "issue"}), ("issues", {}), ("discussions", {}), ("gists", {})],
)
def test_what_was_deleted_stays_and_gets_the_day_it_was_missed(
    world: World, kind: str, facts: dict[str, Any]
) -> None:
    gone = oldest(world, kind, **facts)
    others = [record for record in world.records(kind) if record["id"] != gone["id"]]
    before = world.checksums()
    world.act("delete_comment", id=gone["id"])

    run = world.sync()

    assert run.state == SyncRun.State.SUCCEEDED
    assert world.record(kind, id=gone["id"]) == {**gone, "missed_on": TODAY}
    assert [record for record in world.records(kind) if record["id"] != gone["id"]] == others
    assert years_changed(world, before) == [f"github-{gone['created_at'][:4]}.json"]
    assert len(world.asked("Lists")[-1]["variables"]) <= 5, "only the list that shrank is read again"
    without_news(world)


def test_every_file_with_missed_records_is_valid(world: World) -> None:
    world.act("delete_comment", id=oldest(world, "issues")["id"])
    world.sync()
    schema = jsonschema_rs.validator_for(SCHEMA_FILE.read_text(encoding="utf-8"))
    for content in world.years().values():
        schema.validate(content)


def test_a_star_that_was_taken_back_is_missed_and_a_new_one_is_another_record(world: World) -> None:
    star = oldest(world, "stars")
    world.act("unstar", repository=star["repository"])
    world.sync()
    assert world.record("stars", repository_id=star["repository_id"])["missed_on"] == TODAY
    world.act("star", repository=star["repository"])
    world.sync()
    missed, again = sorted(
        (each for each in world.records("stars") if each["repository_id"] == star["repository_id"]),
        key=lambda each: str(each["starred_at"]),
    )
    assert missed == {**star, "missed_on": TODAY}
    assert "missed_on" not in again
    without_news(world)


def test_one_deleted_and_one_new_at_the_same_time_are_both_noticed(world: World) -> None:
    gone = oldest(world, "comments", on="issue")
    world.act("delete_comment", id=gone["id"])
    made = world.act("create_comment", on=gone["subject_id"])
    world.sync()
    assert world.record("comments", id=gone["id"])["missed_on"] == TODAY
    assert "missed_on" not in world.record("comments", id=made["id"])
    without_news(world)


def test_old_entries_that_come_into_view_are_read(world: World) -> None:
    """A total that grew by more than what is new: the list is read again whole."""
    made = [
        world.act("create_comment", on=oldest(world, "issues")["id"], at="2026-01-05T10:00:00Z")["id"]
        for _ in range(3)
    ]
    world.sync()
    assert set(made) <= {comment["id"] for comment in world.records("comments")}
    without_news(world)


def test_totals_that_never_agree_are_read_again_only_once(world: World) -> None:
    """Three entries that GitHub counts and does not give."""
    state = world.subscription.lists["comments"]
    state["counted"] += 3
    world.subscription.save()
    world.act("edit_comment", id=oldest(world, "comments", on="issue")["id"])
    before = len(world.asked("Lists"))
    world.sync()
    assert len(world.asked("Lists")) == before + 1
    without_news(world)
    world.act("edit_comment", id=oldest(world, "comments", on="issue")["id"])
    world.sync()
    assert len(world.asked("Lists")) == before + 1


def test_nothing_counts_as_missed_while_github_withholds_entries(world: World) -> None:
    """An organisation keeps us out, its issues come as null: one of them may be what the total lacks."""
    withheld = [issue for issue in world.records("issues") if issue["repository"].startswith("org-")]
    gone = next(issue for issue in world.records("issues") if issue not in withheld)
    assert withheld
    world.act("delete_comment", id=gone["id"])
    world.github.fault(restricted_organization=["org-0", "org-1"])
    world.sync()
    assert len(world.asked("Lists")) > 1
    assert not [issue for issue in world.records("issues") if "missed_on" in issue]


def test_a_repository_that_was_deleted_is_said_and_missed_among_those_made(world: World) -> None:
    made = oldest(world, "repositories_created")
    commits = [commit["oid"] for commit in world.commits()]
    world.act("delete_repository", repository=made["repository"])
    world.sync()
    assert world.record("repositories_created", repository_id=made["repository_id"])["missed_on"] == TODAY
    assert sorted(commit["oid"] for commit in world.commits()) == sorted(commits)
    gone = world.subscription.repositories.get(node_id=made["repository_id"])
    assert gone.not_readable == "not found on GitHub any more"
    profile = json.loads(world.stored()["github-profile.json"])
    said = {each["repository_id"]: each["not_readable"] for each in profile["repositories"]}
    assert said[made["repository_id"]] == "not found on GitHub any more"
    without_news(world)


# --- Histories that were rewritten ---


def busiest(world: World) -> str:
    return world.subscription.repositories.order_by("-held")[0].name.rpartition("/")[2]


@pytest.mark.parametrize("commits", [1, 3])
def test_commits_that_were_replaced_are_missed_and_their_successors_are_held(
    world: World, commits: int
) -> None:
    """As many commits as before: only their ids tell."""
    name, before = busiest(world), {commit["oid"]: commit for commit in world.commits()}
    world.act("force_push", repository=name, commits=commits)
    world.sync()
    after = {commit["oid"]: commit for commit in world.commits()}
    new, missed = after.keys() - before.keys(), {o for o, each in after.items() if "missed_on" in each}
    assert before.keys() <= after.keys()
    # The act rewrites commits of whomever: as many of the member's appear as were replaced.
    assert len(new) == len(missed)
    assert all(after[oid] == {**before[oid], "missed_on": TODAY} for oid in missed)
    without_news(world)


def test_commits_merged_late_are_found_and_nothing_is_missed(world: World) -> None:
    before = world.oids()
    world.act("late_merge", repository=busiest(world), commits=3, days_ago=200)
    world.sync()
    assert len(world.oids() - before) == 4
    assert not [commit for commit in world.commits() if "missed_on" in commit]
    without_news(world)


# --- What changes ---


def test_an_edited_comment_changes_its_record_and_no_other_file(world: World) -> None:
    comment, before = oldest(world, "comments", on="issue"), world.checksums()
    world.act("edit_comment", id=comment["id"], body="Second thoughts")
    world.sync()
    assert world.record("comments", id=comment["id"]) == {**comment, "body": "Second thoughts"}
    assert years_changed(world, before) == [f"github-{comment['created_at'][:4]}.json"]
    without_news(world)


def test_an_issue_that_was_closed_and_edited_says_so(world: World) -> None:
    made = world.act("create_issue", title="It breaks", at="2026-02-03T10:00:00Z")
    world.sync()
    issue = world.record("issues", id=made["id"])
    at = (datetime.now(UTC) - timedelta(minutes=1)).replace(microsecond=0).isoformat().replace("+00:00", "Z")
    world.act("close_issue", id=made["id"], reason="NOT_PLANNED", at=at)
    world.act("edit_comment", id=made["id"], body="No longer", at=at)
    world.sync()
    assert world.record("issues", id=made["id"]) == {
        **issue,
        "state": "CLOSED",
        "state_reason": "NOT_PLANNED",
        "closed_at": at,
        "body": "No longer",
    }
    without_news(world)


def test_an_issue_that_was_opened_again_is_not_closed_any_more(world: World) -> None:
    made = world.act("create_issue", title="It breaks", at="2026-02-03T10:00:00Z")
    world.act("close_issue", id=made["id"], at="2026-02-04T10:00:00Z")
    world.sync()
    issue = world.record("issues", id=made["id"])
    assert (issue["state"], issue["closed_at"]) == ("CLOSED", "2026-02-04T10:00:00Z")
    world.act("reopen_issue", id=made["id"])
    world.sync()
    assert world.record("issues", id=made["id"]) == {
        **issue,
        "state": "OPEN",
        "state_reason": "REOPENED",
        "closed_at": None,
    }
    without_news(world)


def test_others_that_touch_a_members_issue_change_no_file(world: World) -> None:
    before, stranger = world.checksums(), "ada-0"
    world.act("create_comment", on=oldest(world, "issues")["id"], login=stranger)
    world.sync()
    assert years_changed(world, before) == []


@pytest.mark.parametrize("act", [("rename_repository", "renamed"), ("transfer_repository", "ada-0")])
def test_a_renamed_or_transferred_repository_is_the_same_one(world: World, act: tuple[str, str]) -> None:
    name, before, oids = busiest(world), world.checksums(), sorted(world.oids())
    node_id = world.subscription.repositories.get(name__endswith=f"/{name}").node_id
    world.act(act[0], repository=name, to=act[1])
    run = world.sync()
    assert sorted(commit["oid"] for commit in world.commits()) == oids, "nothing twice"
    assert years_changed(world, before) == [], "an old record keeps the name it was made under"
    state = world.subscription.repositories.get(node_id=node_id)
    assert act[1] in state.name
    assert run.requests <= 2, "the probe, and one look at what is in no list any more"
    world.act("active_day", repositories=1, commits=2, issues=0, comments=0, reviews=0)
    world.sync()
    assert {commit["repository"] for commit in world.commits() if commit["oid"] not in oids} == {state.name}


def test_another_login_is_the_same_account(world: World) -> None:
    before = world.checksums()
    world.act("change_login", to="somebody-new")
    world.sync()
    assert world.subscription.github_login == "somebody-new"
    assert years_changed(world, before) == []
    world.act("active_day")
    assert world.sync().state == SyncRun.State.SUCCEEDED
    assert json.loads(world.stored()["github-profile.json"])["login"] == "somebody-new"


def test_what_became_private_leaves_the_archive_to_the_member(tmp_path: Path, settings: Settings) -> None:
    """With the public choice nothing private is read any more; what was public when it was saved stays."""
    with living(tmp_path, settings, {}, account=SIZE) as world:
        world.connect(Choice.PRIVATE)
        world.sync()
        name, oids = busiest(world), world.oids()
        world.act("make_private", repository=name)
        world.act("active_day", repositories=1)
        world.sync()
        assert world.oids() == oids
        assert not YearFile.objects.filter(kind__in=YearFile.PRIVATE_KINDS).exists()
        private = world.subscription.repositories.get(name__endswith=f"/{name}")
        assert private.not_readable.startswith("not public any more")
        assert {c.name: c.agrees for c in completeness.of_lists(world.subscription)}["issues opened"] is False
