"""Work that goes on in a generated account."""

from typing import Any

import pytest
from freezegun import freeze_time

from sandbox.github.app import create_app
from tests.sandbox.github.conftest import GitHub
from tests.sandbox.github.histories import Planned, make_repository

NOW = "2026-11-23T12:00:00Z"
DAY = """query { viewer { issues { totalCount } issueComments { totalCount }
  contributionsCollection(from: "2026-11-23T00:00:00Z", to: "2026-11-23T23:59:59Z") {
    totalCommitContributions totalIssueContributions totalPullRequestReviewContributions
    contributionCalendar { totalContributions }
    commitContributionsByRepository { repository { name } contributions { totalCount } } }
  repositories(first: 5, orderBy: {field: PUSHED_AT, direction: DESC},
    ownerAffiliations: [OWNER, COLLABORATOR, ORGANIZATION_MEMBER]) {
    nodes { name pushedAt defaultBranchRef { target { oid } } } } } }"""


def _day(github: GitHub) -> Any:
    return github.ask(DAY)["viewer"]


def _history(github: GitHub, name: str) -> list[str]:
    git = github.repository(name).git
    return list(git.order(git.head))


def test_an_active_day_adds_what_was_asked_for(generated: GitHub) -> None:
    before = _day(generated)
    with freeze_time(NOW):
        answer = generated.act("active_day")

    after = _day(generated)

    window = after["contributionsCollection"]
    assert window["totalCommitContributions"] == 9
    assert window["totalIssueContributions"] == 1
    assert window["totalPullRequestReviewContributions"] == 1
    assert window["contributionCalendar"]["totalContributions"] == 11
    assert len(answer["repositories"]) == len(window["commitContributionsByRepository"]) == 3
    assert {each["contributions"]["totalCount"] for each in window["commitContributionsByRepository"]} == {3}
    assert after["issues"]["totalCount"] == before["issues"]["totalCount"] + 1
    assert after["issueComments"]["totalCount"] == before["issueComments"]["totalCount"] + 4
    heads = {
        node["name"]: node["defaultBranchRef"]["target"]["oid"] for node in before["repositories"]["nodes"]
    }
    moved = [
        node["name"]
        for node in after["repositories"]["nodes"]
        if heads.get(node["name"]) != node["defaultBranchRef"]["target"]["oid"]
    ]
    assert len(moved) == 3
    assert moved == [node["name"] for node in after["repositories"]["nodes"][:3]]


def test_the_amounts_can_be_chosen(generated: GitHub) -> None:
    generated.act("active_day", at=NOW, repositories=1, commits=2, issues=0, comments=0, reviews=3)

    window = _day(generated)["contributionsCollection"]

    assert window["totalCommitContributions"] == 2
    assert window["totalIssueContributions"] == 0
    assert len(window["commitContributionsByRepository"]) == 1
    assert window["totalPullRequestReviewContributions"] == 3


def test_new_reviews_come_first_in_a_search_by_update(generated: GitHub) -> None:
    generated.act("active_day", at=NOW, reviews=1, comments=0)
    query = """query($q: String!) { search(type: ISSUE, query: $q, first: 5) { issueCount nodes {
      ... on PullRequest { updatedAt reviews(last: 1, author: "member") { nodes { submittedAt
      comments(first: 5) { totalCount } } } } } } }"""

    found = generated.ask(query, q="type:pr reviewed-by:member -author:member updated:>=2026-11-23")["search"]

    assert found["issueCount"] == 1
    (node,) = found["nodes"]
    assert node["updatedAt"].startswith("2026-11-23")
    assert node["reviews"]["nodes"][0]["comments"]["totalCount"] == 2


def test_the_same_acts_give_the_same_account() -> None:
    heads = []
    for _ in range(2):
        github = GitHub(create_app(account="100:5:1", seed=4))
        github.act("active_day", at=NOW)
        github.act("force_push", at=NOW)
        heads.append([each.git.head for each in github.service.world.catalogue.repositories])

    assert heads[0] == heads[1]


def test_a_late_merge_brings_old_dates_and_a_total_that_grew(generated: GitHub) -> None:
    name = generated.service.world.catalogue.repositories[0].name
    before = _history(generated, name)
    generated.act("late_merge", repository=name, at=NOW, commits=3, days_ago=40)

    after = _history(generated, name)

    assert len(after) == len(before) + 4
    assert set(before) < set(after)
    git = generated.repository(name).git
    new = [commit for oid in after if oid not in set(before) and (commit := git.commit(oid))]
    assert sorted(commit.author.utc[:10] for commit in new) == ["2026-10-14"] * 3 + ["2026-11-23"]
    assert len(new[0].parents) == 2


def test_old_commits_of_a_late_merge_are_missed_by_a_since(generated: GitHub) -> None:
    name = generated.service.world.catalogue.repositories[0].name
    generated.act("late_merge", repository=name, at=NOW, commits=3, days_ago=40)
    git = generated.repository(name).git
    assert git.head is not None

    recent = git.select(git.head, since=1_795_000_000)  # 18 November 2026

    assert len(recent) == 1


def test_a_force_push_replaces_the_newest_commits(generated: GitHub) -> None:
    name = generated.service.world.catalogue.repositories[0].name
    before = _history(generated, name)
    git = generated.repository(name).git
    dates = [commit.author.utc for oid in before[:2] if (commit := git.commit(oid))]
    generated.act("force_push", repository=name, at=NOW, commits=2)

    after = _history(generated, name)

    assert after[2:] == before[2:]
    assert not set(after[:2]) & set(before[:2])
    new = [commit for oid in after[:2] if (commit := git.commit(oid))]
    assert [commit.author.utc for commit in new] == dates
    assert {commit.committer.utc for commit in new} == {NOW}
    assert list(git.order(before[0])) == before, "the old head can still be paged from"


@pytest.mark.parametrize("act", ["late_merge", "force_push"])
def test_an_unknown_repository_is_refused(generated: GitHub, act: str) -> None:
    answer = generated.http.post("/_sandbox/acts", json={"act": act, "repository": "nothing"})

    assert (answer.status_code, answer.json) == (400, {"error": "There is no generated repository nothing."})


def test_commits_on_disk_are_made_with_git(make_github: Any, tmp_path: Any) -> None:
    github = make_github(make_repository(tmp_path / "r", [Planned()]))

    answer = github.http.post("/_sandbox/acts", json={"act": "active_day"})

    assert answer.status_code == 400
    assert answer.json["error"].startswith("No such act. There are: archive, change_login")
