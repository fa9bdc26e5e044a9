"""Whatever comes over the wire, only a GitHubError comes out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, get_args

import responses
from hypothesis import given, settings
from hypothesis import strategies as st

from github_client import (
    CommitPageRequest,
    FileRequest,
    GitHubClient,
    GitHubOAuth,
    ListName,
    ListRequest,
    ReleaseRequest,
)
from github_client.errors import GitHubError
from tests.github_client.activity_answers import (
    connection,
    listed,
    release,
    releasing,
    review,
    review_comment,
    reviewed,
)
from tests.github_client.answers import (
    API,
    EXHAUSTED,
    HEADERS,
    TOKEN,
    commit,
    data,
    errors,
    history,
    viewer,
    window,
)

DAY = date(2026, 11, 9)
NAMES: tuple[ListName, ...] = get_args(ListName)
LISTS = [ListRequest(name, None, 10) for name in NAMES]
PAGE = CommitPageRequest("R_1", "a" * 40, None, 1)
RELEASES = [ReleaseRequest("R_1", None, ("RE_2",)), ReleaseRequest("R_2")]
CALLS: Mapping[str, Callable[[GitHubClient], object]] = {
    "identity": lambda client: client.fetch_identity(),
    "probe": lambda client: client.ask_probe(DAY, DAY).decoded(),
    "repositories": lambda client: client.fetch_repositories(None),
    "contributions": lambda client: client.fetch_contributions([(DAY, DAY)]),
    "totals": lambda client: client.fetch_commit_totals(["R_1"], "U_1"),
    "pages": lambda client: client.fetch_commit_pages([PAGE], "U_1"),
    "probe of lists": lambda client: client.ask_probe(DAY, DAY, lists=NAMES, login="octocat").decoded(),
    "lists": lambda client: client.fetch_lists(LISTS, "octocat"),
    "fused": lambda client: client.fetch_pages([PAGE], "U_1", LISTS, "octocat"),
    "reviews": lambda client: client.fetch_reviews("octocat", None, None, None),
    "more reviews": lambda client: client.fetch_more_reviews("PR_1", "octocat", None),
    "more comments": lambda client: client.fetch_more_review_comments("PRR_1", None),
    "releases": lambda client: client.fetch_releases(
        [ReleaseRequest("R_1", None, ("RE_2",)), ReleaseRequest("R_2")]
    ),
    "rest page": lambda client: client.fetch_commit_page_rest(1, "octocat", "a" * 40),
    "tree": lambda client: client.fetch_tree(1, "a" * 40),
    "blob": lambda client: client.fetch_blob(1, "a" * 40),
    "files": lambda client: client.fetch_files([FileRequest("R_1", "b" * 40, "rides/a.gpx", "a" * 40)]),
}
FOUND = connection(reviewed())
GOOD = {
    "probe of lists": data(viewer=viewer() | listed(*NAMES)),
    "lists": data(viewer=listed(*NAMES)),
    "fused": data(p0=history(commit(1)), viewer=listed(*NAMES)),
    "reviews": data(search={**FOUND, "issueCount": 1}),
    "more reviews": data(node=reviewed(reviews=connection(review()))),
    "more comments": data(node={"__typename": "PullRequestReview", "comments": connection(review_comment())}),
    "releases": data(r0=releasing(release()), r1=None, d0=[release(id="RE_2", publishedAt=None)])
    | errors({"type": "NOT_FOUND", "path": ["r1"], "message": "", "extensions": {}}),
    "probe": data(viewer=viewer()),
    "repositories": data(viewer=viewer()),
    "contributions": data(viewer={"w0": window()}),
    "pages": data(p0=history(commit(1), commit(2)))
    | errors({"type": "NOT_FOUND", "path": ["p9"], "message": "", "extensions": {}}),
}

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
words = st.sampled_from(
    [
        "data",
        "errors",
        "viewer",
        "nodes",
        "rateLimit",
        "message",
        "type",
        "path",
        "p0",
        "w0",
        "l0",
        "r0",
        "search",
        "node",
        "id",
    ]
)
json_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(words | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=15,
)
statuses = st.sampled_from(
    [200, 200, 200, 201, 202, 204, 301, 304, 400, 401, 403, 404, 409, 422, 429, 451, 500, 502]
)
header_values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
headers = st.dictionaries(
    st.sampled_from(["Retry-After", "Link", "Content-Type", *EXHAUSTED]), header_values, max_size=4
)
many = settings(max_examples=150)


def ask(name: str, status: int, body: bytes, sent: Mapping[str, str]) -> None:
    """Make the call on that answer; nothing but a GitHubError may be raised, and never with the token."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as github:
        for method in (responses.GET, responses.POST):
            github.add(method, f"{API}/user", body=body, status=status, headers=dict(sent))
            github.add(method, f"{API}/graphql", body=body, status=status, headers=dict(sent))
            for path in ("commits", f"git/trees/{'a' * 40}", f"git/blobs/{'a' * 40}"):
                url = f"{API}/repositories/1/{path}"
                github.add(method, url, body=body, status=status, headers=dict(sent))
        try:
            CALLS[name](GitHubClient(API, TOKEN))
        except GitHubError as error:
            assert TOKEN not in str(error)  # noqa: PT017


@many
@given(name=st.sampled_from(sorted(CALLS)), status=statuses, document=json_values, sent=headers)
def test_any_json_with_any_status(name: str, status: int, document: object, sent: dict[str, str]) -> None:
    ask(name, status, json.dumps(document).encode(), sent)


@many
@given(name=st.sampled_from(sorted(CALLS)), status=statuses, body=st.binary(max_size=60))
def test_any_bytes_with_any_status(name: str, status: int, body: bytes) -> None:
    ask(name, status, body, HEADERS)


@many
@given(name=st.sampled_from(sorted(GOOD)), share=st.floats(0, 1))
def test_a_good_answer_cut_anywhere(name: str, share: float) -> None:
    body = json.dumps(GOOD[name]).encode()
    ask(name, 200, body[: int(len(body) * share)], HEADERS)


def places(document: object) -> list[tuple[Any, Any]]:
    """Every (container, key) of a document."""
    found: list[tuple[Any, Any]] = []
    pairs: list[tuple[Any, object]] = []
    if isinstance(document, dict):
        pairs = list(document.items())
    elif isinstance(document, list):
        pairs = list(enumerate(document))
    for at, inner in pairs:
        found.append((document, at))
        found.extend(places(inner))
    return found


@many
@given(name=st.sampled_from(sorted(GOOD)), choice=st.data(), value=json_values)
def test_a_good_answer_with_one_value_replaced(name: str, choice: st.DataObject, value: object) -> None:
    document = json.loads(json.dumps(GOOD[name]))
    container, at = choice.draw(st.sampled_from(places(document)))
    container[at] = value
    ask(name, 200, json.dumps(document).encode(), HEADERS)


def test_json_that_exhausts_the_parser() -> None:
    for body in (b"[" * 100_000, b'{"data":' * 100_000, b"1" * 10_000):
        for name in CALLS:
            ask(name, 200, body, HEADERS)


OAUTH_CALLS: Mapping[str, Callable[[GitHubOAuth], object]] = {
    "refresh": lambda oauth: oauth.refresh("ghr_x"),
    "code": lambda oauth: oauth.exchange_code("code", "https://site.test/back", "verifier"),
    "give back": lambda oauth: oauth.delete_grant("ghr_x"),
}


@many
@given(
    name=st.sampled_from(sorted(OAUTH_CALLS)),
    status=statuses,
    document=json_values | st.just({"error": "bad_refresh_token"}),
)
def test_any_answer_to_what_deals_in_tokens(name: str, status: int, document: object) -> None:
    body = json.dumps(document).encode()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as github:
        github.post("https://github.test/login/oauth/access_token", body=body, status=status)
        github.delete(f"{API}/applications/id/grant", body=body, status=status)
        try:
            OAUTH_CALLS[name](GitHubOAuth("https://github.test", API, "id", "secret"))
        except GitHubError as error:
            assert "ghr_x" not in str(error)  # noqa: PT017
