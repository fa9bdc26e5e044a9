from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, get_args

import pytest
import responses

from github_client import (
    Budget,
    Comment,
    CommitPageRequest,
    Discussion,
    Gist,
    GitHubClient,
    Issue,
    ListItem,
    ListName,
    ListPage,
    ListRequest,
    PullRequest,
    RepositoryRef,
    ReviewSizes,
    Star,
)
from github_client.errors import Forbidden, UnexpectedResponse
from tests.github_client.activity_answers import (
    SECRET_REF,
    WEB,
    comment,
    commit_comment,
    connection,
    discussion,
    discussion_comment,
    from_end,
    gist,
    gist_comment,
    issue,
    listed,
    pull_request,
    review,
    star,
    stars,
)
from tests.github_client.answers import (
    API,
    HEADERS,
    TOKEN,
    answer_graphql,
    commit,
    data,
    errors,
    history,
    sent,
    viewer,
)

NAMES: tuple[ListName, ...] = get_args(ListName)
CREATED = datetime(2026, 11, 20, 8, tzinfo=UTC)
CHANGED = datetime(2026, 11, 21, 9, tzinfo=UTC)
HELLO = RepositoryRef("R_1", "octo/hello", "public")
HIDDEN = RepositoryRef("R_2", "octo/hidden", "private")
DAY = date(2026, 11, 9)


@pytest.fixture
def client() -> GitHubClient:
    return GitHubClient(API, TOKEN)


def read(
    client: GitHubClient, github: responses.RequestsMock, name: ListName, page: object, *found: object
) -> ListPage:
    """What becomes of this page of a list, answered with these errors."""
    answer_graphql(github, data(viewer={"l0": page}) | (errors(*found) if found else {}))
    (answer,) = client.fetch_lists([ListRequest(name, None, 10)], "octocat")
    return answer


def read_one(client: GitHubClient, github: responses.RequestsMock, name: ListName, page: object) -> ListItem:
    (item,) = read(client, github, name, page).items
    return item


# The entries


def test_an_issue(client: GitHubClient, github: responses.RequestsMock) -> None:
    assert read_one(client, github, "issues", connection(issue())) == Issue(
        node_id="I_1",
        number=7,
        title="It breaks",
        body="Steps: ...",
        state="CLOSED",
        state_reason="DUPLICATE",
        created_at=CREATED,
        closed_at=CHANGED,
        url=f"{WEB}/issues/7",
        repository=HELLO,
        updated_at=CHANGED,
    )


def test_an_open_issue_has_no_end(client: GitHubClient, github: responses.RequestsMock) -> None:
    still = issue(state="OPEN", stateReason=None, closedAt=None, repository=SECRET_REF)
    found = read_one(client, github, "issues", connection(still))
    assert isinstance(found, Issue)
    assert (found.state_reason, found.closed_at, found.repository) == (None, None, HIDDEN)


def test_a_pull_request(client: GitHubClient, github: responses.RequestsMock) -> None:
    assert read_one(client, github, "pull_requests", connection(pull_request())) == PullRequest(
        node_id="PR_1",
        number=8,
        title="Mend it",
        body="Closes #7",
        state="MERGED",
        is_draft=False,
        is_merged=True,
        merged_at=CHANGED,
        created_at=CREATED,
        closed_at=CHANGED,
        additions=10,
        deletions=2,
        changed_files=3,
        base_ref="main",
        head_ref="mend",
        merge_commit_oid="d" * 40,
        url=f"{WEB}/pull/8",
        repository=HELLO,
        updated_at=CHANGED,
        reviews=(),
        reviews_total=0,
        reviews_cursor=None,
    )


def test_an_open_pull_request_has_no_merge(client: GitHubClient, github: responses.RequestsMock) -> None:
    still = pull_request(state="OPEN", merged=False, mergedAt=None, closedAt=None, mergeCommit=None)
    found = read_one(client, github, "pull_requests", connection(still))
    assert isinstance(found, PullRequest)
    assert (found.is_merged, found.merged_at, found.closed_at, found.merge_commit_oid) == (False,) + (
        None,
    ) * 3


def test_own_reviews_come_with_the_pull_request_and_tell_if_there_are_more(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    info = {"hasNextPage": True, "endCursor": "more"}
    reviews = connection(review(1), review(2), totalCount=7, pageInfo=info)
    found = read_one(client, github, "pull_requests", connection(pull_request(reviews=reviews)))
    assert isinstance(found, PullRequest)
    assert [each.node_id for each in found.reviews] == ["PRR_1", "PRR_2"]
    assert (found.reviews_total, found.reviews_cursor) == (7, "more")
    assert {each.pull_request_id for each in found.reviews} == {"PR_1"}


def test_a_pull_request_whose_reviews_are_withheld_is_still_there(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    found = {"type": "FORBIDDEN", "path": ["viewer", "l0", "nodes", 0, "reviews"]}
    page = read(client, github, "pull_requests", connection(pull_request(reviews=None)), found)
    (item,) = page.items
    assert isinstance(item, PullRequest)
    assert (item.reviews, item.reviews_total, page.unreadable) == ((), 0, 0)


def test_a_comment_on_an_issue(client: GitHubClient, github: responses.RequestsMock) -> None:
    assert read_one(client, github, "comments", connection(comment())) == Comment(
        node_id="IC_1",
        on="issue",
        subject_id="I_1",
        subject_number=7,
        subject_title="It breaks",
        created_at=CREATED,
        body="Me too",
        url=f"{WEB}/issues/7#issuecomment-1",
        repository=HELLO,
        is_public=True,
        updated_at=CHANGED,
    )


def test_a_comment_on_a_pull_request(client: GitHubClient, github: responses.RequestsMock) -> None:
    """GitHub lists it among the comments on issues, and gives both."""
    request = {"id": "PR_1", "number": 8, "title": "Mend it"}
    said = comment(pullRequest=request, repository=SECRET_REF)
    found = read_one(client, github, "comments", connection(said))
    assert isinstance(found, Comment)
    assert (found.on, found.subject_id, found.subject_number) == ("pull_request", "PR_1", 8)
    assert (found.subject_title, found.repository, found.is_public) == ("Mend it", HIDDEN, False)


def test_a_comment_on_a_commit_names_it_by_its_oid(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    found = read_one(client, github, "commit_comments", from_end(commit_comment()))
    assert isinstance(found, Comment)
    assert (found.on, found.subject_id, found.repository) == ("commit", "e" * 40, HELLO)
    assert (found.subject_number, found.subject_title, found.is_public) == (None, None, True)


def test_a_comment_on_a_commit_that_is_gone_names_the_repository(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    found = read_one(client, github, "commit_comments", from_end(commit_comment(commit=None)))
    assert isinstance(found, Comment)
    assert found.subject_id == "R_1"


@pytest.mark.parametrize("is_public", [True, False])
def test_a_comment_on_a_gist_is_as_public_as_the_gist(
    client: GitHubClient, github: responses.RequestsMock, is_public: bool
) -> None:
    inside = gist_comment()["gist"] | {"isPublic": is_public}
    found = read_one(client, github, "gist_comments", from_end(gist_comment(gist=inside)))
    assert isinstance(found, Comment)
    assert (found.on, found.subject_id, found.subject_number, found.subject_title) == (
        "gist",
        "G_1",
        None,
        None,
    )
    assert (found.repository, found.is_public) == (None, is_public)
    assert found.url == "https://gist.github.test/octocat/aa5a315d#gistcomment-31"


def test_a_gist_comment_without_a_number_has_the_address_of_the_gist(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    found = read_one(client, github, "gist_comments", from_end(gist_comment(databaseId=None)))
    assert isinstance(found, Comment)
    assert found.url == "https://gist.github.test/octocat/aa5a315d"


def test_a_comment_on_a_discussion(client: GitHubClient, github: responses.RequestsMock) -> None:
    found = read_one(client, github, "discussion_comments", from_end(discussion_comment()))
    assert isinstance(found, Comment)
    assert (found.on, found.subject_id, found.subject_number) == ("discussion", "D_1", 9)
    assert (found.subject_title, found.repository, found.is_public) == ("What next?", HELLO, True)


def test_a_comment_whose_discussion_is_not_shown_is_never_taken_for_public(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    page = from_end(discussion_comment(discussion=None), discussion_comment())
    found = read(client, github, "discussion_comments", page)
    assert (len(found.items), found.unreadable) == (1, 1)


def test_a_star(client: GitHubClient, github: responses.RequestsMock) -> None:
    assert read_one(client, github, "stars", stars(star())) == Star(HELLO, CREATED)


def test_stars_beyond_what_github_lists_are_told(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    page = read(client, github, "stars", stars(star(), isOverLimit=True))
    assert page.is_over_limit


def test_a_gist(client: GitHubClient, github: responses.RequestsMock) -> None:
    assert read_one(client, github, "gists", connection(gist())) == Gist(
        node_id="G_1",
        name="aa5a315d",
        description="A note",
        is_public=True,
        is_fork=False,
        files=("a.py", "b.md"),
        created_at=CREATED,
        url="https://gist.github.test/octocat/aa5a315d",
        updated_at=CHANGED,
    )


@pytest.mark.parametrize("files", [None, [], [None], [{"name": None}]])
def test_a_gist_may_have_no_files_and_no_description(
    client: GitHubClient, github: responses.RequestsMock, files: object
) -> None:
    found = read_one(client, github, "gists", connection(gist(files=files, description="")))
    assert isinstance(found, Gist)
    assert (found.files, found.description) == ((), None)


def test_a_discussion(client: GitHubClient, github: responses.RequestsMock) -> None:
    assert read_one(client, github, "discussions", connection(discussion())) == Discussion(
        node_id="D_1",
        number=9,
        title="What next?",
        body="Let us ...",
        created_at=CREATED,
        url=f"{WEB}/discussions/9",
        repository=HELLO,
        updated_at=CHANGED,
    )


@pytest.mark.parametrize(
    ("said", "read_as"), [("INTERNAL", "internal"), ("SECRET", "unknown"), (None, "unknown")]
)
def test_what_is_not_known_to_be_public_is_not(
    client: GitHubClient, github: responses.RequestsMock, said: str | None, read_as: str
) -> None:
    ref = SECRET_REF | {"visibility": said}
    found = read_one(client, github, "comments", connection(comment(repository=ref)))
    assert isinstance(found, Comment)
    assert found.repository is not None
    assert (found.repository.visibility, found.is_public) == (read_as, False)


# The pages


def test_all_lists_come_in_one_request_each_with_its_own_place(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    answer_graphql(github, data(viewer=listed(*NAMES)))
    asked = [ListRequest(name, f"cursor {n}", n + 1) for n, name in enumerate(NAMES)]
    pages = client.fetch_lists(asked, "octocat")
    assert [page.name for page in pages] == list(NAMES)
    assert [len(page.items) for page in pages] == [1] * len(NAMES)
    assert client.requests_sent == 1
    variables = sent(github)["variables"]
    assert [variables[f"k{n}"] for n in range(9)] == [f"cursor {n}" for n in range(9)]
    assert [variables[f"z{n}"] for n in range(9)] == list(range(1, 10))
    assert (variables["login"], variables["reviews"], variables["comments"]) == ("octocat", 5, 10)


def test_how_many_reviews_come_along_can_be_chosen(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    answer_graphql(github, data(viewer=listed("pull_requests")))
    client.fetch_lists([ListRequest("pull_requests", None, 9)], "octocat", ReviewSizes(2, 3))
    variables = sent(github)["variables"]
    assert (variables["reviews"], variables["comments"]) == (2, 3)


def test_a_page_tells_how_to_go_on(client: GitHubClient, github: responses.RequestsMock) -> None:
    info = {"hasNextPage": True, "endCursor": "next"}
    page = read(client, github, "issues", connection(issue(), totalCount=200, pageInfo=info))
    assert (page.total, page.has_next, page.end_cursor, page.is_over_limit) == (200, True, "next", False)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("commit_comments", commit_comment),
        ("gist_comments", gist_comment),
        ("discussion_comments", discussion_comment),
    ],
)
def test_lists_without_an_order_come_newest_first_and_go_on_backward(
    client: GitHubClient, github: responses.RequestsMock, name: ListName, make: Any
) -> None:
    info = {"hasPreviousPage": True, "startCursor": "earlier"}
    page = from_end(make(id="older"), make(id="newer"), totalCount=9, pageInfo=info)
    found = read(client, github, name, page)
    assert [item.node_id for item in found.items if isinstance(item, Comment)] == ["newer", "older"]
    assert (found.total, found.has_next, found.end_cursor) == (9, True, "earlier")


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_that_came_as_null_does_not_lose_its_siblings(
    client: GitHubClient, github: responses.RequestsMock, name: ListName
) -> None:
    page = listed(name)["l0"]
    key = "edges" if name == "stars" else "nodes"
    page = page | {key: [None, *page[key], None], "totalCount": 3}
    found = read(
        client,
        github,
        name,
        page,
        {"type": "FORBIDDEN", "path": ["viewer", "l0", key, 0, "repository"]},
        {"type": "NOT_FOUND", "path": ["viewer", "l0", key, 2]},
    )
    assert (len(found.items), found.unreadable, found.total) == (1, 2, 3)


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_list(client: GitHubClient, github: responses.RequestsMock, name: ListName) -> None:
    key = "edges" if name == "stars" else "nodes"
    found = read(client, github, name, listed(name)["l0"] | {key: [], "totalCount": 0})
    assert (found.items, found.total, found.has_next, found.end_cursor) == ((), 0, False, None)


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("issues", connection(issue(number=None))),
        ("issues", connection(issue(repository=None))),
        ("issues", connection(issue(createdAt="2026-11-20"))),
        ("issues", connection(issue(), totalCount=None)),
        ("issues", connection(issue(), pageInfo={"hasNextPage": True, "endCursor": None})),
        ("issues", connection(issue()) | {"nodes": None}),
        ("pull_requests", connection(pull_request(additions=-1))),
        ("pull_requests", connection(pull_request(reviews=connection(review(submittedAt="soon"))))),
        ("comments", connection(comment(issue=None))),
        ("commit_comments", connection(commit_comment())),
        ("gist_comments", from_end(gist_comment(gist={"id": "G_1", "url": "", "isPublic": None}))),
        ("stars", connection(star())),
        ("stars", stars(star(node=None))),
        ("gists", connection(gist(isPublic="true"))),
        ("discussions", None),
    ],
)
def test_a_list_of_the_wrong_shape_is_refused(
    client: GitHubClient, github: responses.RequestsMock, name: ListName, page: object
) -> None:
    with pytest.raises(UnexpectedResponse):
        read(client, github, name, page)


def test_an_error_of_one_entry_does_not_explain_a_wrong_shape(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    """A mistake must not look like access that was lost."""
    found = {"type": "FORBIDDEN", "path": ["viewer", "l0", "nodes", 0]}
    with pytest.raises(UnexpectedResponse):
        read(client, github, "issues", connection(None, issue(number=None)), found)


def test_a_list_that_is_forbidden_says_so(client: GitHubClient, github: responses.RequestsMock) -> None:
    found = {"type": "INSUFFICIENT_SCOPES", "path": ["viewer", "l0"]}
    with pytest.raises(Forbidden) as caught:
        read(client, github, "gists", None, found)
    assert caught.value.reason == "scopes"


def test_pull_requests_are_not_asked_for_without_a_login(client: GitHubClient) -> None:
    with pytest.raises(ValueError, match="login"):
        client.fetch_lists([ListRequest("pull_requests", None, 10)], "")
    assert client.requests_sent == 0


# Together with commits, and with the probe


PAGE = CommitPageRequest("R_1", "a" * 40, None, 50)


def test_commits_and_lists_come_in_one_request(client: GitHubClient, github: responses.RequestsMock) -> None:
    answer_graphql(github, data(p0=history(commit(1)), viewer=listed("issues", "stars")))
    asked = [ListRequest("issues", None, 50), ListRequest("stars", None, 50)]
    (page,), lists = client.fetch_pages([PAGE], "U_1", asked, "octocat")
    assert (page.outcome, len(page.commits)) == ("read", 1)
    assert [found.name for found in lists] == ["issues", "stars"]
    assert client.requests_sent == 1


def test_an_unreadable_repository_does_not_lose_the_lists(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    answer_graphql(
        github,
        data(p0=None, p1=history(commit(1)), viewer=listed("gists"))
        | errors({"type": "NOT_FOUND", "path": ["p0"]}),
    )
    pages, lists = client.fetch_pages([PAGE, PAGE], "U_1", [ListRequest("gists", None, 50)], "")
    assert [page.outcome for page in pages] == ["not_found", "read"]
    assert len(lists[0].items) == 1


def test_an_unreadable_repository_does_not_explain_a_wrong_list(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    answer_graphql(github, data(p0=None, viewer={"l0": None}) | errors({"type": "NOT_FOUND", "path": ["p0"]}))
    with pytest.raises(UnexpectedResponse):
        client.fetch_pages([PAGE], "U_1", [ListRequest("gists", None, 50)], "")


def test_only_what_is_asked_for_is_sent(client: GitHubClient, github: responses.RequestsMock) -> None:
    answer_graphql(github, data(p0=history(commit(1))))
    answer_graphql(github, data(viewer=listed("issues")))
    assert client.fetch_pages([PAGE], "U_1", [], "")[1] == ()
    assert client.fetch_pages([], "U_1", [ListRequest("issues", None, 9)], "")[0] == ()
    assert "viewer" not in sent(github, 0)["query"]
    assert "author" not in sent(github, 1)["variables"]


def test_asking_for_no_page_sends_nothing(client: GitHubClient) -> None:
    assert client.fetch_pages([], "U_1", [], "octocat") == ((), ())
    assert client.fetch_lists([], "octocat") == ()
    assert client.requests_sent == 0


def test_the_probe_brings_the_newest_entries_of_each_list(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    answer_graphql(github, data(viewer=viewer() | listed(*NAMES)))
    probe = client.ask_probe(DAY, DAY, lists=NAMES, items=10, login="octocat").decoded()
    assert set(probe.lists) == set(NAMES)
    assert all(len(page.items) == 1 for page in probe.lists.values())
    assert isinstance(probe.lists["issues"].items[0], Issue)
    variables = sent(github)["variables"]
    assert {variables[f"z{n}"] for n in range(9)} == {10}
    assert {variables[f"k{n}"] for n in range(9)} == {None}
    assert client.requests_sent == 1


def test_a_probe_without_lists_has_none(client: GitHubClient, github: responses.RequestsMock) -> None:
    answer_graphql(github, data(viewer=viewer()))
    assert client.ask_probe(DAY, DAY).decoded().lists == {}


def test_the_budget_gives_what_the_request_costs(
    github: responses.RequestsMock, redis: Any, key: str
) -> None:
    """100 pull requests with reviews are 6 points: of 5 nothing may be sent."""
    asked = [ListRequest("pull_requests", None, 100)]
    small = GitHubClient(API, TOKEN, Budget(redis, key, "graphql", limit=5, reserve=0))
    with pytest.raises(Exception, match="budget is spent"):
        small.fetch_lists(asked, "octocat")
    assert small.requests_sent == 0
    github.post(f"{API}/graphql", json={"data": {"viewer": listed("pull_requests")}}, headers=HEADERS)
    enough = GitHubClient(API, TOKEN, Budget(redis, key, "graphql", limit=6, reserve=0))
    enough.fetch_lists(asked, "octocat")
    assert enough.points_spent == 6, "counted by the formula where GitHub does not tell"
