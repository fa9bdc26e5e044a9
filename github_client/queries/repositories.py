"""What is asked of repositories: the member's list, commit totals, releases."""

from __future__ import annotations

from collections.abc import Sequence

from github_client.activity import ReleaseRequest
from github_client.queries.query import RATE, Query, with_fragments

# Without both lists GitHub leaves out the repositories of organisations.
_MEMBER_OF = "[OWNER, COLLABORATOR, ORGANIZATION_MEMBER]"
_REPOSITORIES = (
    f"first: $size, after: $after, affiliations: {_MEMBER_OF}, ownerAffiliations: {_MEMBER_OF}, "
    "orderBy: {field: PUSHED_AT, direction: DESC}"
)

REPOSITORY_REF = """
fragment RepositoryRef on Repository { id nameWithOwner visibility }
"""

REPOSITORY_FIELDS = """
fragment RepositoryFields on Repository {
  id databaseId nameWithOwner visibility isFork isEmpty isArchived createdAt pushedAt
  stargazerCount forkCount viewerPermission primaryLanguage { name } owner { id }
  defaultBranchRef { target { oid ... on Commit { committedDate tree { oid } } } }
}
"""

REPOSITORY_LIST = f"""
fragment RepositoryList on User {{
  repositories({_REPOSITORIES}) {{
    totalCount
    pageInfo {{ hasNextPage endCursor }}
    nodes {{ ...RepositoryFields }}
  }}
}}
"""

_REPOSITORY_PAGE = with_fragments(
    f"""
query Repositories($size: Int!, $after: String) {{
  viewer {{ ...RepositoryList }}
  {RATE}
}}
""",
    [REPOSITORY_LIST, REPOSITORY_FIELDS],
)

_COMMIT_TOTALS = f"""
query CommitTotals($repositories: [ID!]!, $author: ID!) {{
  nodes(ids: $repositories) {{
    __typename
    ... on Repository {{
      id nameWithOwner
      defaultBranchRef {{
        target {{
          oid
          ... on Commit {{ history(first: 1, author: {{id: $author}}) {{ totalCount nodes {{ oid }} }} }}
        }}
      }}
    }}
  }}
  {RATE}
}}
"""

_RELEASE_PAGE = """
fragment ReleasePage on ReleaseConnection {
  totalCount
  pageInfo { hasNextPage endCursor }
  nodes { ...ReleaseFields }
}
"""

_RELEASE_FIELDS = """
fragment ReleaseFields on Release { id tagName name description publishedAt isPrerelease url author { id } }
"""


def repository_page(after: str | None, size: int) -> Query:
    return Query("Repositories", _REPOSITORY_PAGE, {"size": size, "after": after}, connections=1)


def commit_totals(repository_ids: Sequence[str], author_id: str) -> Query:
    """With the newest commit: an equal total alone does not tell that a history was not rewritten."""
    variables = {"repositories": list(repository_ids), "author": author_id}
    return Query("CommitTotals", _COMMIT_TOTALS, variables, connections=len(repository_ids))


def releases(requests: Sequence[ReleaseRequest], size: int) -> Query:
    """A page of each repository as r0, r1, ..., with its id in i0, i1, ... and its cursor in a0, a1, ...

    Drafts of repository n that are asked for come as dn.
    """
    variables: dict[str, object] = {"size": size}
    for index, request in enumerate(requests):
        variables |= {f"i{index}": request.repository_id, f"a{index}": request.cursor}
    with_drafts = [n for n, request in enumerate(requests) if request.drafts]
    variables |= {f"d{n}": list(requests[n].drafts) for n in with_drafts}
    count = range(len(requests))
    declared = ", ".join(
        [*(f"$i{n}: ID!, $a{n}: String" for n in count), *(f"$d{n}: [ID!]!" for n in with_drafts)]
    )
    drafts = "".join(
        f"\n  d{n}: nodes(ids: $d{n}) {{ ... on Release {{ ...ReleaseFields }} }}" for n in with_drafts
    )
    pages = "\n  ".join(
        f"r{n}: node(id: $i{n}) {{ __typename ... on Repository {{ ...RepositoryRef "
        f"releases(first: $size, after: $a{n}, orderBy: {{field: CREATED_AT, direction: DESC}}) "
        f"{{ ...ReleasePage }} }} }}"
        for n in count
    )
    document = f"""
query Releases($size: Int!, {declared}) {{
  {pages}{drafts}
  {RATE}
}}
"""
    return Query(
        "Releases",
        with_fragments(document, [_RELEASE_PAGE, _RELEASE_FIELDS, REPOSITORY_REF]),
        variables,
        connections=len(requests),
    )
