from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import responses

from github_client import GitHubClient, Release, ReleasePage, ReleaseRequest, RepositoryRef, Unreadable
from github_client.errors import UnexpectedResponse
from tests.github_client.activity_answers import SECRET_REF, WEB, connection, release, releasing
from tests.github_client.answers import API, TOKEN, answer_graphql, data, errors, sent

MORE = {"hasNextPage": True, "endCursor": "more"}


@pytest.fixture
def client() -> GitHubClient:
    return GitHubClient(API, TOKEN)


def read(client: GitHubClient, github: responses.RequestsMock, node: object) -> ReleasePage:
    answer_graphql(github, data(r0=node))
    (page,) = client.fetch_releases([ReleaseRequest("R_1")])
    assert isinstance(page, ReleasePage)
    return page


def test_a_release(client: GitHubClient, github: responses.RequestsMock) -> None:
    assert read(client, github, releasing(release())) == ReleasePage(
        repository_id="R_1",
        releases=(
            Release(
                node_id="RE_1",
                tag="v1.0",
                name="One",
                body="All new",
                published_at=datetime(2026, 11, 20, 8, tzinfo=UTC),
                is_prerelease=False,
                url=f"{WEB}/releases/tag/v1.0",
                repository=RepositoryRef("R_1", "octo/hello", "public"),
                author_id="U_1",
            ),
        ),
        ids=("RE_1",),
        drafts=(),
        total=1,
        end_cursor=None,
        has_next=False,
    )


def test_a_release_of_a_deleted_account_without_words(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    bare = release(author=None, name="", description=None, isPrerelease=True)
    (found,) = read(client, github, releasing(bare, **SECRET_REF)).releases
    assert (found.author_id, found.name, found.body, found.is_prerelease) == (None, None, None, True)
    assert found.repository.visibility == "private"


def test_drafts_and_what_came_as_null_are_left_out_but_counted(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    page = read(client, github, releasing(release(id="RE_2", publishedAt=None), None, release()))
    assert (len(page.releases), page.total) == (1, 3)
    assert (page.ids, page.drafts) == (("RE_2", None, "RE_1"), ("RE_2",))


def test_drafts_are_asked_for_with_the_page_wherever_they_stand(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    """One is a draft still, on the page as well; one was published since; one is gone."""
    draft, published = release(id="RE_2", publishedAt=None), release(id="RE_9", tagName="v0.9")
    document = data(r0=releasing(release(), draft), r1=releasing(), d0=[draft, published, None])
    gone = {"type": "NOT_FOUND", "path": ["d0", 2], "message": "", "extensions": {}}
    answer_graphql(github, document | errors(gone))
    asked = ReleaseRequest("R_1", None, ("RE_2", "RE_9", "RE_8"))
    page, other = client.fetch_releases([asked, ReleaseRequest("R_2")])
    assert isinstance(page, ReleasePage)
    assert isinstance(other, ReleasePage)
    assert [(found.node_id, found.tag) for found in page.releases] == [("RE_1", "v1.0"), ("RE_9", "v0.9")]
    assert (page.ids, page.drafts) == (("RE_1", "RE_2"), ("RE_2",))
    assert (other.releases, other.drafts) == ((), ())
    assert sent(github)["variables"]["d0"] == ["RE_2", "RE_9", "RE_8"]


def test_each_repository_has_its_own_place(client: GitHubClient, github: responses.RequestsMock) -> None:
    pages = connection(release(), totalCount=30, pageInfo=MORE)
    answer_graphql(github, data(r0=releasing(), r1=releasing(releases=pages)))
    first, second = client.fetch_releases([ReleaseRequest("R_1"), ReleaseRequest("R_2", "twenty")], size=10)
    assert isinstance(first, ReleasePage)
    assert isinstance(second, ReleasePage)
    assert (first.repository_id, first.releases, first.has_next) == ("R_1", (), False)
    assert (second.repository_id, second.total, second.has_next, second.end_cursor) == (
        "R_2",
        30,
        True,
        "more",
    )
    assert sent(github)["variables"] == {"size": 10, "i0": "R_1", "a0": None, "i1": "R_2", "a1": "twenty"}
    assert client.requests_sent == 1


@pytest.mark.parametrize(
    ("node", "found", "reason"),
    [
        (None, {"type": "NOT_FOUND", "path": ["r1"]}, "not_found"),
        (None, {"type": "FORBIDDEN", "path": ["r1", "releases"]}, "forbidden"),
        (None, {"type": "INSUFFICIENT_SCOPES", "path": ["r1"]}, "forbidden"),
        (None, None, "not_found"),
        ({"__typename": "Gist"}, None, "not_found"),
        (releasing(releases=None), {"type": "FORBIDDEN", "path": ["r1", "releases"]}, "forbidden"),
    ],
)
def test_a_repository_that_cannot_be_read_does_not_lose_its_siblings(
    client: GitHubClient, github: responses.RequestsMock, node: object, found: object, reason: str
) -> None:
    document = data(r0=releasing(release()), r1=node, r2=releasing(release()))
    answer_graphql(github, document | ({"errors": [found]} if found else {}))
    first, second, third = client.fetch_releases([ReleaseRequest(f"R_{n}") for n in (1, 2, 3)])
    assert isinstance(first, ReleasePage)
    assert second == Unreadable("R_2", "forbidden" if reason == "forbidden" else "not_found")
    assert isinstance(third, ReleasePage)


def test_an_error_of_one_release_does_not_lose_the_others(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    answer_graphql(
        github,
        data(r0=releasing(None, release()))
        | errors({"type": "FORBIDDEN", "path": ["r0", "releases", "nodes", 0, "author"]}),
    )
    (page,) = client.fetch_releases([ReleaseRequest("R_1")])
    assert isinstance(page, ReleasePage)
    assert len(page.releases) == 1


@pytest.mark.parametrize(
    "changes", [{"tagName": None}, {"publishedAt": "yesterday"}, {"isPrerelease": None}, {"author": {}}]
)
def test_a_release_of_the_wrong_shape_is_refused(
    client: GitHubClient, github: responses.RequestsMock, changes: dict[str, Any]
) -> None:
    with pytest.raises(UnexpectedResponse):
        read(client, github, releasing(release(**changes)))


def test_asking_for_no_repository_sends_nothing(client: GitHubClient) -> None:
    assert client.fetch_releases([]) == ()
    assert client.requests_sent == 0
