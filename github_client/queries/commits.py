"""What is asked of histories: pages of the member's commits, alone or together with pages of their lists."""

from __future__ import annotations

from collections.abc import Sequence

from github_client.activity import ListRequest, ReviewSizes
from github_client.queries import lists
from github_client.queries.query import RATE, Query, Selection, utc_text, with_fragments
from github_client.types import CommitPageRequest

_COMMIT_FIELDS = """
fragment CommitFields on Commit {
  oid id message authoredDate committedDate url changedFilesIfAvailable
  author { date }
}
"""


def pages(
    commits: Sequence[CommitPageRequest],
    author_id: str,
    requests: Sequence[ListRequest],
    login: str,
    sizes: ReviewSizes,
) -> Query:
    """Histories as p0, p1, ... and the viewer's lists as l0, l1, ..., in one request; either may be empty."""
    histories = _histories(commits, author_id)
    asked = lists.selection(requests, login, sizes)
    fields = histories.fields + (f"\n  viewer {{\n    {asked.fields}\n  }}" if requests else "")
    operation = "CommitPages" if not requests else "Lists" if not commits else "Pages"
    document = f"""
query {operation}({", ".join([*histories.declarations, *asked.declarations])}) {{
  {fields}
  {RATE}
}}
"""
    return Query(
        operation,
        with_fragments(document, [*histories.fragments, *asked.fragments]),
        {**histories.variables, **asked.variables},
        connections=histories.connections + asked.connections,
    )


def _histories(commits: Sequence[CommitPageRequest], author_id: str) -> Selection:
    """Paging starts at the pinned head, so pushes in between move nothing."""
    if not commits:
        return Selection()
    variables: dict[str, object] = {"author": author_id}
    for n, request in enumerate(commits):
        variables |= _variables(n, request)
    count = range(len(commits))
    return Selection(
        fields="\n  ".join(
            f"p{n}: node(id: $r{n}) {{ __typename ... on Repository {{ nameWithOwner isEmpty "
            f"object(oid: $h{n}) {{ __typename ...Page{n} }} }} }}"
            for n in count
        ),
        declarations=(
            "$author: ID!",
            *(
                f"$r{n}: ID!, $h{n}: GitObjectID!, $c{n}: String, $n{n}: Int!, "
                f"$s{n}: GitTimestamp, $u{n}: GitTimestamp, $x{n}: Boolean!"
                for n in count
            ),
        ),
        fragments=(*(_page(n) for n in count), _COMMIT_FIELDS),
        variables=variables,
        connections=len(commits),
    )


def _variables(n: int, request: CommitPageRequest) -> dict[str, object]:
    """Of page n: r repository, h head, c cursor, n size, s since, u until, x whether lines are counted."""
    return {
        f"r{n}": request.repository_id,
        f"h{n}": request.head_oid,
        f"c{n}": request.cursor,
        f"n{n}": request.size,
        f"s{n}": utc_text(request.since) if request.since else None,
        f"u{n}": utc_text(request.until) if request.until else None,
        f"x{n}": request.with_statistics,
    }


def _page(n: int) -> str:
    return f"""
fragment Page{n} on Commit {{
  history(first: $n{n}, after: $c{n}, author: {{id: $author}}, since: $s{n}, until: $u{n}) {{
    totalCount
    pageInfo {{ hasNextPage endCursor }}
    nodes {{ ...CommitFields additions @include(if: $x{n}) deletions @include(if: $x{n}) }}
  }}
}}
"""
