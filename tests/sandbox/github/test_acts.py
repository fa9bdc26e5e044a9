"""What people do on demand: totals, dates and the calendar follow, on disk as in a generated account."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.github import repository
from sandbox.github.app import create_app
from tests.sandbox.github.conftest import GitHub
from tests.sandbox.github.histories import BOB, Planned, add_commits, make_repository

NOW = "2026-11-23T12:00:00Z"
LATER = "2026-11-23T13:00:00Z"
LISTS = """{ viewer { login
  issues(first: 5, orderBy: {field: UPDATED_AT, direction: DESC}) { totalCount
    nodes { id number title body createdAt updatedAt comments { totalCount } } }
  pullRequests(first: 5, orderBy: {field: UPDATED_AT, direction: DESC}) { totalCount
    nodes { id number state updatedAt reviews(first: 5) { totalCount nodes { id
      comments { totalCount } } } } }
  issueComments(first: 5, orderBy: {field: UPDATED_AT, direction: DESC}) { totalCount
    nodes { id body createdAt updatedAt issue { number } pullRequest { number } } }
  commitComments(last: 5) { totalCount nodes { id body commit { oid } } }
  gists(first: 5, privacy: ALL, orderBy: {field: UPDATED_AT, direction: DESC}) { totalCount
    nodes { id name isPublic updatedAt description files { text } comments { totalCount } } }
  gistComments(last: 5) { totalCount nodes { id body gist { id } } }
  repositoryDiscussions(first: 5) { totalCount nodes { id number title comments { totalCount } } }
  repositoryDiscussionComments(last: 5) { totalCount nodes { id body discussion { number } } }
  starredRepositories(first: 5, orderBy: {field: STARRED_AT, direction: DESC}) { totalCount
    edges { starredAt node { name } } }
  contributionsCollection(from: "2026-11-23T00:00:00Z", to: "2026-11-23T23:59:59Z") {
    totalIssueContributions totalPullRequestContributions totalPullRequestReviewContributions
    contributionCalendar { totalContributions } } } }"""
SCOPES = ("read:user", "repo", "gist", "read:org")


@pytest.fixture(params=["on disk", "generated"])
def github(request: pytest.FixtureRequest, tricky: Path) -> GitHub:
    """Every act works on both kinds of account."""
    if request.param == "on disk":
        return GitHub(create_app([tricky]), SCOPES)
    return GitHub(create_app(account="60:4:1", seed=5), SCOPES)


def _lists(github: GitHub) -> Any:
    return github.ask(LISTS)["viewer"]


def _first_repository(github: GitHub) -> Any:
    return github.service.world.catalogue.repositories[0]


def test_an_issue_is_opened_and_counts_on_the_calendar(github: GitHub) -> None:
    before = _lists(github)
    answer = github.act("create_issue", title="It breaks", body="Every time.", at=NOW)

    after = _lists(github)

    assert after["issues"]["totalCount"] == before["issues"]["totalCount"] + 1
    newest = after["issues"]["nodes"][0]
    assert (newest["id"], newest["number"]) == (answer["id"], answer["number"])
    assert (newest["title"], newest["body"], newest["createdAt"]) == ("It breaks", "Every time.", NOW)
    assert after["contributionsCollection"]["totalIssueContributions"] == 1
    assert after["contributionsCollection"]["contributionCalendar"]["totalContributions"] == 1


def test_numbers_are_shared_by_issues_pull_requests_and_discussions(github: GitHub) -> None:
    acts = ("create_issue", "create_pull_request", "create_discussion")
    numbers = [github.act(act)["number"] for act in acts]

    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]
    repository = _first_repository(github)
    data = github.ask(
        """query($owner: String!, $name: String!, $i: Int!, $p: Int!, $d: Int!) {
        repository(owner: $owner, name: $name) {
          issue(number: $i) { state } pullRequest(number: $p) { state merged }
          discussion(number: $d) { title } } }""",
        owner=repository.owner.login,
        name=repository.name,
        i=numbers[0],
        p=numbers[1],
        d=numbers[2],
    )["repository"]
    assert data["issue"] == {"state": "OPEN"}
    assert data["pullRequest"] == {"state": "OPEN", "merged": False}
    assert data["discussion"] == {"title": f"Discussion {numbers[2]}"}


def test_a_comment_moves_what_it_is_on_to_the_front(github: GitHub) -> None:
    oldest = github.ask(
        """{ viewer { issues(first: 1, orderBy: {field: CREATED_AT, direction: ASC}) {
        nodes { id comments { totalCount } } } } }"""
    )["viewer"]["issues"]["nodes"][0]
    github.act("create_comment", on=oldest["id"], body="Me too", at=NOW)

    after = _lists(github)

    assert after["issues"]["nodes"][0]["id"] == oldest["id"]
    assert after["issues"]["nodes"][0]["updatedAt"] == NOW
    assert after["issues"]["nodes"][0]["comments"]["totalCount"] == oldest["comments"]["totalCount"] + 1
    comment = after["issueComments"]["nodes"][0]
    assert (comment["body"], comment["createdAt"], comment["pullRequest"]) == ("Me too", NOW, None)


def test_a_comment_on_a_pull_request_says_so(github: GitHub) -> None:
    made = github.act("create_pull_request", at=NOW)
    github.act("create_comment", on=made["id"], at=LATER)

    comment = _lists(github)["issueComments"]["nodes"][0]

    assert comment["pullRequest"] == {"number": made["number"]}
    assert comment["issue"] == {"number": made["number"]}, "never null: a pull request is an issue too"


def test_an_edited_comment_comes_first_and_keeps_its_date(github: GitHub) -> None:
    issue = github.act("create_issue", at=NOW)["id"]
    ids = [github.act("create_comment", on=issue, at=NOW)["id"] for _ in range(3)]
    github.act("edit_comment", id=ids[1], body="Corrected", at=LATER)

    newest = _lists(github)["issueComments"]["nodes"][0]

    assert newest["id"] == ids[1]
    assert (newest["body"], newest["createdAt"], newest["updatedAt"]) == ("Corrected", NOW, LATER)


def test_a_closed_issue_says_when_and_why(github: GitHub) -> None:
    made = github.act("create_issue", at=NOW)
    github.act("close_issue", id=made["id"], reason="NOT_PLANNED", at=LATER)

    issue = github.ask(
        "query($id: ID!) { node(id: $id) { ... on Issue { state stateReason closedAt updatedAt } } }",
        id=made["id"],
    )["node"]

    assert issue == {"state": "CLOSED", "stateReason": "NOT_PLANNED", "closedAt": LATER, "updatedAt": LATER}


def test_a_deleted_comment_leaves_only_a_smaller_total(github: GitHub) -> None:
    issue = github.act("create_issue", at=NOW)["id"]
    first, second = (github.act("create_comment", on=issue, at=NOW)["id"] for _ in range(2))
    before = _lists(github)["issueComments"]["totalCount"]
    github.act("delete_comment", id=first)

    after = _lists(github)

    assert after["issueComments"]["totalCount"] == before - 1
    assert first not in [node["id"] for node in after["issueComments"]["nodes"]]
    assert after["issues"]["nodes"][0]["comments"]["totalCount"] == 1
    (error,) = github.errors("query($id: ID!) { node(id: $id) { id } }", id=first)
    assert error["type"] == "NOT_FOUND"
    assert github.ask("query($id: ID!) { node(id: $id) { id } }", id=second)["node"] == {"id": second}


def test_a_commit_gets_a_comment(github: GitHub) -> None:
    repository = _first_repository(github)
    commit = github.ask(
        "query($id: ID!) { node(id: $id) { ... on Repository { defaultBranchRef { target { id oid } } } } }",
        id=repository.node_id,
    )["node"]["defaultBranchRef"]["target"]
    before = _lists(github)["commitComments"]["totalCount"]
    made = github.act("create_comment", on=commit["id"], body="Why?", at=NOW)

    comments = _lists(github)["commitComments"]

    assert comments["totalCount"] == before + 1
    assert comments["nodes"][-1] == {"id": made["id"], "body": "Why?", "commit": {"oid": commit["oid"]}}


def test_a_gist_is_made_commented_and_edited(github: GitHub) -> None:
    public = github.act("create_gist", description="Open", text="a\n", at=NOW)
    secret = github.act("create_gist", public=False, at=NOW)
    github.act("create_comment", on=public["id"], body="Nice", at=LATER)

    lists = _lists(github)

    first, second = lists["gists"]["nodes"][:2]
    assert (first["id"], first["updatedAt"], first["isPublic"]) == (public["id"], LATER, True)
    assert (first["files"], first["comments"]) == ([{"text": "a\n"}], {"totalCount": 1})
    assert (second["id"], second["isPublic"]) == (secret["id"], False)
    assert lists["gistComments"]["nodes"][-1]["gist"] == {"id": public["id"]}
    github.sign_in("read:user")
    assert secret["id"] not in [node["id"] for node in _lists(github)["gists"]["nodes"]]


def test_a_gist_can_be_deleted(github: GitHub) -> None:
    made = github.act("create_gist", at=NOW)["id"]
    before = _lists(github)["gists"]["totalCount"]
    github.act("delete_comment", id=made)

    assert _lists(github)["gists"]["totalCount"] == before - 1


def test_a_review_has_the_comments_asked_for(github: GitHub) -> None:
    request = github.act("create_pull_request", at=NOW)
    made = github.act("submit_review", on=request["id"], comments=23, state="CHANGES_REQUESTED", at=LATER)

    lists = _lists(github)
    answer = github.ask(
        """query($id: ID!) { node(id: $id) { ... on PullRequestReview { state submittedAt author { login }
        pullRequest { number } comments(first: 20) { totalCount pageInfo { hasNextPage endCursor }
        nodes { id body path line pullRequestReview { id } } } } } }""",
        id=made["id"],
    )["node"]

    assert lists["pullRequests"]["nodes"][0]["id"] == request["id"]
    assert lists["pullRequests"]["nodes"][0]["updatedAt"] == LATER
    assert lists["contributionsCollection"]["totalPullRequestReviewContributions"] == 1
    assert (answer["state"], answer["submittedAt"]) == ("CHANGES_REQUESTED", LATER)
    assert answer["pullRequest"] == {"number": request["number"]}
    assert answer["comments"]["totalCount"] == 23
    assert len(answer["comments"]["nodes"]) == 20
    rest = github.ask(
        """query($id: ID!, $after: String) { node(id: $id) { ... on PullRequestReview {
        comments(first: 20, after: $after) { pageInfo { hasNextPage } nodes { id } } } } }""",
        id=made["id"],
        after=answer["comments"]["pageInfo"]["endCursor"],
    )["node"]["comments"]
    ids = {node["id"] for page in (answer["comments"], rest) for node in page["nodes"]}
    assert len(ids) == 23
    assert rest["pageInfo"]["hasNextPage"] is False


def test_a_review_of_nothing_is_refused(make_github: Callable[..., GitHub], tmp_path: Path) -> None:
    github = make_github(make_repository(tmp_path / "r", [Planned()]))

    answer = github.http.post("/_sandbox/acts", json={"act": "submit_review"})

    assert (answer.status_code, answer.json) == (400, {"error": "There is no such pull request."})


def test_a_release_is_published(github: GitHub) -> None:
    repository = _first_repository(github)
    github.act("publish_release", tag="v99.0", name="Ninety-nine", at=NOW)

    latest = github.ask(
        """query($id: ID!) { node(id: $id) { ... on Repository { latestRelease {
        tagName name publishedAt author { login } tagCommit { oid } } } } }""",
        id=repository.node_id,
    )["node"]["latestRelease"]

    assert latest == {
        "tagName": "v99.0",
        "name": "Ninety-nine",
        "publishedAt": NOW,
        "author": {"login": github.member.login},
        "tagCommit": {"oid": repository.git.head},
    }


def test_a_draft_is_for_those_who_can_push_until_it_is_published(
    make_github: Callable[..., GitHub], tricky: Path
) -> None:
    github = make_github(tricky, foreign=("tricky",))
    repository, before = _first_repository(github), "2025-01-01T00:00:00Z"
    draft = github.act("draft_release", tag="v98.0", created_at=before, at=NOW)["id"]
    releases = """query($id: ID!, $draft: ID!) { node(id: $id) { ... on Repository {
        latestRelease { tagName } release(tagName: "v98.0") { id }
        releases(first: 100, orderBy: {field: CREATED_AT, direction: DESC}) {
            totalCount nodes { id isDraft createdAt publishedAt } } } }
        nodes(ids: [$draft]) { id } }"""

    def seen() -> tuple[Any, list[str], int]:
        data = github.post(releases, id=repository.node_id, draft=draft).json["data"]
        ids = [each["id"] for each in data["node"]["releases"]["nodes"]]
        assert (data["nodes"] == [{"id": draft}]) == (draft in ids)
        assert data["node"]["releases"]["totalCount"] == len(ids)
        return data["node"], ids, len(ids)

    stranger = github.headers
    github.sign_in("read:user", login=repository.owner.login)
    mine, ids, count = seen()
    found = mine["releases"]["nodes"][ids.index(draft)]
    assert found == {"id": draft, "isDraft": True, "createdAt": before, "publishedAt": None}
    assert mine["release"] is None
    assert (mine["latestRelease"] or {}).get("tagName") != "v98.0"

    owner, github.headers = github.headers, stranger
    assert seen()[2] == count - 1
    github.act("publish_release", id=draft, at=LATER)
    assert seen()[2] == count
    github.headers = owner
    mine, still, _ = seen()
    found = mine["releases"]["nodes"][ids.index(draft)]
    assert still == ids, "it stays where it was, and counts as before"
    assert found == {"id": draft, "isDraft": False, "createdAt": before, "publishedAt": LATER}
    assert mine["release"] == {"id": draft}


def test_a_discussion_is_opened_and_commented(github: GitHub) -> None:
    made = github.act("create_discussion", title="What next?", at=NOW)
    github.act("create_comment", on=made["id"], body="A rest", at=LATER)

    lists = _lists(github)

    assert lists["repositoryDiscussions"]["nodes"][0]["title"] == "What next?"
    assert lists["repositoryDiscussions"]["nodes"][0]["comments"]["totalCount"] == 1
    assert lists["repositoryDiscussionComments"]["nodes"][-1]["discussion"] == {"number": made["number"]}
    assert lists["contributionsCollection"]["contributionCalendar"]["totalContributions"] == 1


def test_stars_come_and_go(github: GitHub) -> None:
    repository = _first_repository(github).name
    github.act("unstar", repository=repository)
    before = _lists(github)["starredRepositories"]["totalCount"]

    github.act("star", repository=repository, at=NOW)
    github.act("star", repository=repository, at=LATER)
    starred = _lists(github)["starredRepositories"]

    assert starred["totalCount"] == before + 1, "nobody stars twice"
    assert starred["edges"][0] == {"starredAt": LATER, "node": {"name": repository}}
    github.act("unstar", repository=repository)
    assert _lists(github)["starredRepositories"]["totalCount"] == before


def test_a_repository_is_hidden_and_shown_again(github: GitHub) -> None:
    repository = _first_repository(github)
    github.act("make_private", at=NOW)
    github.sign_in("read:user")

    (error,) = github.errors("query($id: ID!) { node(id: $id) { id } }", id=repository.node_id)
    assert error["type"] == "NOT_FOUND"
    github.act("make_public", at=LATER)
    answer = github.ask(
        "query($id: ID!) { node(id: $id) { ... on Repository { visibility updatedAt } } }",
        id=repository.node_id,
    )["node"]

    assert answer["visibility"] == "PUBLIC"
    assert answer["updatedAt"] >= LATER


def test_private_work_becomes_a_number_for_a_token_without_the_scope(github: GitHub) -> None:
    query = """{ viewer { contributionsCollection(from: "2026-11-23T00:00:00Z", to: "2026-11-23T23:59:59Z") {
      totalIssueContributions restrictedContributionsCount } } }"""
    github.act("create_issue", at=NOW)
    github.act("make_private")

    github.sign_in("read:user")
    window = github.ask(query)["viewer"]["contributionsCollection"]

    assert window == {"totalIssueContributions": 0, "restrictedContributionsCount": 1}


def test_a_renamed_repository_is_found_by_both_names(github: GitHub) -> None:
    repository = _first_repository(github)
    owner, old, node_id = repository.owner.login, repository.name, repository.node_id
    github.act("rename_repository", repository=old, to="fresh")
    query = "query($o: String!, $n: String!) { repository(owner: $o, name: $n) { id nameWithOwner } }"

    for name in (old, "fresh"):
        found = github.ask(query, o=owner, n=name)["repository"]
        assert found == {"id": node_id, "nameWithOwner": f"{owner}/fresh"}
    moved = github.get(f"/repos/{owner}/{old}/commits")
    assert moved.status_code == 301
    assert moved.json["message"] == "Moved Permanently"
    assert moved.headers["Location"].endswith(f"/repositories/{repository.id}/commits")


def test_a_transferred_repository_keeps_its_id_and_redirects(github: GitHub) -> None:
    repository = _first_repository(github)
    old = repository.full_name
    other = next(each for each in github.service.world.catalogue.accounts if each is not github.member)
    github.act("transfer_repository", to=other.login)

    answer = github.ask(
        "query($id: ID!) { node(id: $id) { ... on Repository { nameWithOwner owner { login } } } }",
        id=repository.node_id,
    )["node"]

    assert answer == {"nameWithOwner": f"{other.login}/{repository.name}", "owner": {"login": other.login}}
    assert github.get(f"/repos/{old}").status_code == 301


def test_a_name_that_is_used_again_leads_to_the_new_one(
    make_github: Callable[..., GitHub], tmp_path: Path
) -> None:
    paths = [make_repository(tmp_path / name, [Planned()]) for name in ("one", "two")]
    github = make_github(*paths)
    github.act("rename_repository", repository="one", to="old-one")
    github.act("rename_repository", repository="two", to="one")

    found = github.get("/repos/alice/one")

    assert found.status_code == 200
    assert found.json["id"] == github.repository("one").id
    assert github.get("/repos/alice/old-one").status_code == 200


def test_a_deleted_repository_takes_everything_with_it(github: GitHub) -> None:
    repository = _first_repository(github)
    issue = github.act("create_issue", at=NOW)["id"]
    github.act("delete_repository", repository=repository.name)

    answer = github.post("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=[repository.node_id, issue])

    assert answer.json["data"]["nodes"] == [None, None]
    assert [error["type"] for error in answer.json["errors"]] == ["NOT_FOUND", "NOT_FOUND"]
    assert github.get(f"/repos/{repository.full_name}").status_code == 404
    window = _lists(github)["contributionsCollection"]
    assert window["contributionCalendar"]["totalContributions"] == 0


def test_an_archived_repository_says_so_and_can_be_filtered(github: GitHub) -> None:
    github.act("archive", repository=_first_repository(github).name, at=NOW)
    query = """query($is: Boolean) { viewer { repositories(first: 50, isArchived: $is) {
      nodes { id isArchived archivedAt } } } }"""

    archived = github.ask(query, **{"is": True})["viewer"]["repositories"]["nodes"]
    others = github.ask(query, **{"is": False})["viewer"]["repositories"]["nodes"]

    expected = {"id": _first_repository(github).node_id, "isArchived": True, "archivedAt": NOW}
    assert expected in archived
    assert not any(node["isArchived"] for node in others)


def test_a_login_changes_and_the_account_stays(github: GitHub) -> None:
    repository = _first_repository(github)
    old = github.member.login
    github.act("change_login", to="somebody-new")

    viewer = github.ask("{ viewer { id login repositories(first: 1) { nodes { nameWithOwner } } } }")[
        "viewer"
    ]

    assert (viewer["id"], viewer["login"]) == (github.member.node_id, "somebody-new")
    assert viewer["repositories"]["nodes"][0]["nameWithOwner"].startswith("somebody-new/")
    assert github.get(f"/repos/{old}/{repository.name}").status_code == 301
    (error,) = github.errors(f'{{ user(login: "{old}") {{ id }} }}')
    assert error["type"] == "NOT_FOUND"


def test_an_address_linked_later_rewrites_the_past(
    make_github: Callable[..., GitHub], tmp_path: Path
) -> None:
    other_address = b"Alice Ash <alice@work.example>"
    path = make_repository(
        tmp_path / "r",
        [Planned(), Planned(author=other_address), Planned(b"See #4\n", other_address), Planned()],
    )
    github = make_github(path)
    query = """query($id: ID!) { viewer { issues { totalCount }
      repository(name: "r") { defaultBranchRef { target {
      ... on Commit { history(author: {id: $id}) { totalCount } } } } } } }"""

    before = github.ask(query, id=github.member.node_id)["viewer"]
    github.act("link_email", email="alice@work.example")
    after = github.ask(query, id=github.member.node_id)["viewer"]

    assert before["repository"]["defaultBranchRef"]["target"]["history"]["totalCount"] == 2
    assert after["repository"]["defaultBranchRef"]["target"]["history"]["totalCount"] == 4
    assert (before["issues"]["totalCount"], after["issues"]["totalCount"]) == (0, 1)


def test_acts_last_when_the_history_moves(
    make_github: Callable[..., GitHub], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "_LOOK_AGAIN_SECONDS", 0)
    path = make_repository(
        tmp_path / "r", [Planned(b"See #3\n"), Planned(b"Again #3\n"), Planned(b"And #3\n")]
    )
    github = make_github(path)
    derived = _lists(github)
    issue = derived["issues"]["nodes"][0]["id"]
    first, second = (node["id"] for node in derived["issueComments"]["nodes"])
    github.act("create_comment", on=issue, body="By hand", at=NOW)
    github.act("edit_comment", id=first, body="Edited", at=NOW)
    github.act("delete_comment", id=second)
    github.act("unstar")
    add_commits(path, [Planned(b"More on #3\n", BOB, moment=b"1767800000 +0000")])

    after = _lists(github)

    bodies = {node["body"] for node in after["issueComments"]["nodes"]}
    assert bodies == {"By hand", "Edited"}
    assert after["starredRepositories"]["totalCount"] == 0
    assert after["issues"]["nodes"][0]["updatedAt"] == NOW
    assert after["issues"]["nodes"][0]["comments"]["totalCount"] == 3


def test_others_can_act_too(github: GitHub) -> None:
    other = next(each for each in github.service.world.catalogue.accounts if each is not github.member)
    before = _lists(github)["issues"]["totalCount"]
    made = github.act("create_issue", login=other.login)

    author = github.ask(
        "query($id: ID!) { node(id: $id) { ... on Issue { author { login } } } }", id=made["id"]
    )["node"]["author"]

    assert author == {"login": other.login}
    assert _lists(github)["issues"]["totalCount"] == before


@pytest.mark.parametrize(
    ("details", "message"),
    [
        ({"act": "dance"}, "No such act. There are: "),
        ({}, "No such act. There are: "),
        ({"act": "create_comment"}, "create_comment needs 'on'."),
        ({"act": "create_comment", "on": "I_x"}, "Nothing has the id I_x."),
        ({"act": "create_issue", "repository": "nowhere"}, "There is no repository nowhere."),
        ({"act": "create_issue", "login": "nobody"}, "Nobody is called nobody."),
        ({"act": "create_issue", "at": "soon"}, "soon"),
        ({"act": "rename_repository"}, "rename_repository needs 'to'."),
        ({"act": "transfer_repository", "to": "nobody"}, "Nobody is called nobody."),
        ({"act": "change_login", "to": "no good"}, "a login is letters, digits"),
    ],
)
def test_what_cannot_be_done_is_said(github: GitHub, details: dict[str, str], message: str) -> None:
    answer = github.http.post("/_sandbox/acts", json=details)

    assert answer.status_code == 400
    assert message in (answer.json or {})["error"]


def test_acts_are_outside_of_the_count(github: GitHub) -> None:
    github.act("create_issue")

    counts = github.counts()
    assert (counts["total"], counts["writes"]) == (0, 0)
