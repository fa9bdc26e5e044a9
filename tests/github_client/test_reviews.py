from __future__ import annotations

from datetime import UTC, datetime

import pytest
import responses

from github_client import SLIM, GitHubClient, RepositoryRef, Review, ReviewComment
from github_client.errors import Forbidden, NotFound, UnexpectedResponse
from tests.github_client.activity_answers import (
    REF,
    SECRET_REF,
    WEB,
    connection,
    review,
    review_comment,
    reviewed,
)
from tests.github_client.answers import API, TOKEN, answer_graphql, data, errors, sent

CREATED = datetime(2026, 11, 20, 8, tzinfo=UTC)
CHANGED = datetime(2026, 11, 21, 9, tzinfo=UTC)
MORE = {"hasNextPage": True, "endCursor": "more"}


@pytest.fixture
def client() -> GitHubClient:
    return GitHubClient(API, TOKEN)


def found(*nodes: object, **changes: object) -> dict[str, object]:
    search = connection(*nodes)
    return {"issueCount": search.pop("totalCount"), **search, **changes}


# The search


def test_reviews_are_searched_by_reviewer(client: GitHubClient, github: responses.RequestsMock) -> None:
    answer_graphql(github, data(search=found(reviewed(), issueCount=1200, pageInfo=MORE)))
    page = client.fetch_reviews("octocat", CHANGED, CREATED, "before", size=50)
    assert page.reviews == (
        Review(
            node_id="PRR_1",
            state="APPROVED",
            submitted_at=CREATED,
            body="Good.",
            url=f"{WEB}/pull/8#pullrequestreview-1",
            commit_oid="c" * 40,
            pull_request_id="PR_1",
            pull_request_number=8,
            pull_request_title="Mend it",
            repository=RepositoryRef("R_1", "octo/hello", "public"),
            updated_at=CHANGED,
            comments=(ReviewComment("PRRC_1", CREATED, "a/b.py", "Why?", f"{WEB}/pull/8#discussion_r1"),),
            comments_total=1,
            comments_cursor=None,
        ),
    )
    assert (page.pull_requests, page.total, page.has_next, page.end_cursor) == (1, 1200, True, "more")
    assert (page.unfinished, page.unreadable) == ((), 0)
    assert sent(github)["variables"] == {
        "text": "type:pr reviewed-by:octocat -author:octocat sort:updated-desc "
        "updated:2026-11-20T08:00:00Z..2026-11-21T09:00:00Z",
        "size": 50,
        "after": "before",
        "login": "octocat",
        "reviews": 10,
        "comments": 20,
    }


def test_slimmer_pages_can_be_asked_for(client: GitHubClient, github: responses.RequestsMock) -> None:
    answer_graphql(github, data(search=found()))
    client.fetch_reviews("octocat", None, None, None, review_sizes=SLIM)
    variables = sent(github)["variables"]
    assert (variables["reviews"], variables["comments"]) == (5, 10)


def test_a_page_knows_the_oldest_change_it_holds(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    older = reviewed("PR_2", updatedAt="2026-11-01T00:00:00Z", reviews=connection())
    answer_graphql(github, data(search=found(reviewed(), older)))
    page = client.fetch_reviews("octocat", None, None, None)
    assert page.oldest_updated_at == datetime(2026, 11, 1, tzinfo=UTC)
    assert page.pull_requests == 2


def test_a_search_without_results(client: GitHubClient, github: responses.RequestsMock) -> None:
    answer_graphql(github, data(search=found()))
    page = client.fetch_reviews("octocat", None, None, None)
    assert (page.reviews, page.pull_requests, page.total, page.oldest_updated_at) == ((), 0, 0, None)


def test_reviews_of_several_pull_requests_know_whose_they_are(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    other = reviewed("PR_2", number=9, title="Other", repository=SECRET_REF, reviews=connection(review(2)))
    answer_graphql(github, data(search=found(reviewed(), other)))
    first, second = client.fetch_reviews("octocat", None, None, None).reviews
    assert (first.pull_request_id, first.repository.visibility) == ("PR_1", "public")
    assert (second.pull_request_id, second.pull_request_number, second.pull_request_title) == (
        "PR_2",
        9,
        "Other",
    )
    assert second.repository.visibility == "private"


def test_pending_reviews_are_left_out(client: GitHubClient, github: responses.RequestsMock) -> None:
    pending = review(2, state="PENDING", submittedAt=None)
    answer_graphql(github, data(search=found(reviewed(reviews=connection(review(1), pending)))))
    page = client.fetch_reviews("octocat", None, None, None)
    assert [each.node_id for each in page.reviews] == ["PRR_1"]
    assert "PENDING" not in sent(github)["query"], "nor are they asked for, and so not counted"


def test_a_review_of_a_commit_that_is_gone(client: GitHubClient, github: responses.RequestsMock) -> None:
    answer_graphql(github, data(search=found(reviewed(reviews=connection(review(commit=None))))))
    (each,) = client.fetch_reviews("octocat", None, None, None).reviews
    assert each.commit_oid is None


# Nested lists longer than what came


def test_more_reviews_than_came_are_told(client: GitHubClient, github: responses.RequestsMock) -> None:
    cut = connection(review(1), totalCount=11, pageInfo=MORE)
    answer_graphql(github, data(search=found(reviewed(reviews=cut), reviewed("PR_2"))))
    (rest,) = client.fetch_reviews("octocat", None, None, None).unfinished
    assert (rest.pull_request_id, rest.cursor) == ("PR_1", "more")
    assert rest.repository.visibility == "public", "so that nothing private is noted that was not chosen"


def test_reviews_that_were_cut_silently_are_told_too(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    cut = connection(review(1), totalCount=2)
    answer_graphql(github, data(search=found(reviewed(reviews=cut), reviewed("PR_2", reviews=None))))
    unfinished = client.fetch_reviews("octocat", None, None, None).unfinished
    assert [(rest.pull_request_id, rest.cursor) for rest in unfinished] == [("PR_1", None), ("PR_2", None)]


def test_more_comments_than_came_are_told(client: GitHubClient, github: responses.RequestsMock) -> None:
    cut = connection(review_comment(1), None, totalCount=21, pageInfo=MORE)
    answer_graphql(github, data(search=found(reviewed(reviews=connection(review(comments=cut))))))
    (each,) = client.fetch_reviews("octocat", None, None, None).reviews
    assert (len(each.comments), each.comments_total, each.comments_cursor) == (1, 21, "more")


# What cannot be read


def test_a_result_that_came_as_null_does_not_lose_its_siblings(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    answer_graphql(
        github,
        data(search=found(None, reviewed(), {"__typename": "Issue"}, issueCount=3))
        | errors({"type": "FORBIDDEN", "path": ["search", "nodes", 0], "extensions": {"saml_failure": True}}),
    )
    page = client.fetch_reviews("octocat", None, None, None)
    assert (len(page.reviews), page.pull_requests, page.unreadable, page.total) == (1, 1, 1, 3)


def test_results_withheld_at_the_end_tell_no_moment_and_are_counted(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    answer_graphql(github, data(search=found(None, reviewed(), None, None)))
    page = client.fetch_reviews("octocat", None, None, None)
    assert (page.pull_requests, page.unreadable, page.unreadable_at_end) == (1, 3, 2)
    assert page.oldest_updated_at == CHANGED


def test_a_review_that_came_as_null_does_not_lose_its_siblings(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    reviews = connection(None, review(2))
    answer_graphql(github, data(search=found(reviewed(reviews=reviews))))
    page = client.fetch_reviews("octocat", None, None, None)
    assert [each.node_id for each in page.reviews] == ["PRR_2"]


@pytest.mark.parametrize(
    "search",
    [
        None,
        found(reviewed(), issueCount=None),
        found(reviewed(updatedAt=None)),
        found(reviewed(repository=None)),
        found(reviewed(reviews=connection(review(comments=None)))),
        found(reviewed(reviews=connection(review(state=None)))),
        found({}),
    ],
)
def test_a_search_of_the_wrong_shape_is_refused(
    client: GitHubClient, github: responses.RequestsMock, search: object
) -> None:
    answer_graphql(github, data(search=search))
    with pytest.raises(UnexpectedResponse):
        client.fetch_reviews("octocat", None, None, None)


# The rest of one pull request, of one review


def test_the_rest_of_a_pull_requests_reviews(client: GitHubClient, github: responses.RequestsMock) -> None:
    node = {"__typename": "PullRequest", "id": "PR_1", "number": 8, "title": "Mend it", "repository": REF}
    pages = [connection(review(11), pageInfo=MORE), connection(review(12))]
    for page in pages:
        answer_graphql(github, data(node=node | {"reviews": page}))
    reviews, cursor = client.fetch_more_reviews("PR_1", "octocat", "ten")
    assert ([each.node_id for each in reviews], cursor) == (["PRR_11"], "more")
    assert reviews[0].pull_request_title == "Mend it"
    reviews, cursor = client.fetch_more_reviews("PR_1", "octocat", cursor)
    assert ([each.node_id for each in reviews], cursor) == (["PRR_12"], None)
    variables = sent(github)["variables"]
    assert (variables["id"], variables["login"], variables["after"]) == ("PR_1", "octocat", "ten")
    assert variables["reviews"] == 100


def test_the_rest_of_a_reviews_comments(client: GitHubClient, github: responses.RequestsMock) -> None:
    comments = connection(review_comment(21), review_comment(22), pageInfo=MORE)
    answer_graphql(github, data(node={"__typename": "PullRequestReview", "comments": comments}))
    rest, cursor = client.fetch_more_review_comments("PRR_1", "twenty")
    assert ([each.node_id for each in rest], cursor) == (["PRRC_21", "PRRC_22"], "more")
    assert sent(github)["variables"] == {"id": "PRR_1", "size": 100, "after": "twenty"}


@pytest.mark.parametrize("node", [None, {"__typename": "Gist"}])
@pytest.mark.parametrize("found", [[], [{"type": "NOT_FOUND", "path": ["node"]}]])
def test_the_rest_of_what_is_gone(
    client: GitHubClient, github: responses.RequestsMock, node: object, found: list[object]
) -> None:
    for _ in range(2):
        answer_graphql(github, data(node=node) | {"errors": found})
    with pytest.raises(NotFound):
        client.fetch_more_reviews("PR_1", "octocat", None)
    with pytest.raises(NotFound):
        client.fetch_more_review_comments("PRR_1", None)


def test_the_rest_of_what_is_forbidden(client: GitHubClient, github: responses.RequestsMock) -> None:
    answer_graphql(github, data(node=None) | errors({"type": "FORBIDDEN", "path": ["node"]}))
    with pytest.raises(Forbidden):
        client.fetch_more_reviews("PR_1", "octocat", "ten")


def test_reviews_withheld_to_the_end_are_none(client: GitHubClient, github: responses.RequestsMock) -> None:
    node = {"__typename": "PullRequest", "repository": REF, "reviews": None}
    answer_graphql(github, data(node=node))
    assert client.fetch_more_reviews("PR_1", "octocat", None) == ((), None)
