"""What is asked of the contribution graph, and the probe: the one question whether anything changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time

from github_client.activity import ListRequest, ReviewSizes
from github_client.queries import lists
from github_client.queries.query import RATE, Query, utc_text, with_fragments
from github_client.queries.repositories import REPOSITORY_FIELDS, REPOSITORY_LIST

PROFILE_FIELDS = """
fragment ProfileFields on User {
  id databaseId login name createdAt bio company location websiteUrl twitterUsername
  followers { totalCount }
  following { totalCount }
}
"""

WINDOW_FIELDS = """
fragment WindowFields on ContributionsCollection {
  restrictedContributionsCount
  totalCommitContributions
  totalIssueContributions
  totalPullRequestContributions
  totalPullRequestReviewContributions
  totalRepositoriesWithContributedCommits
  contributionCalendar { totalContributions weeks { contributionDays { date contributionCount } } }
  commitContributionsByRepository(maxRepositories: 100) {
    repository { ...RepositoryFields }
    contributions { totalCount }
  }
  repositoryContributions(first: $created) {
    totalCount
    nodes { repository { ...RepositoryFields } }
  }
}
"""


def probe(
    since: date,
    until: date,
    repositories: int,
    requests: Sequence[ListRequest],
    login: str,
    sizes: ReviewSizes,
) -> Query:
    asked = lists.selection(requests, login, sizes)
    declared = "".join(f", {each}" for each in asked.declarations)
    document = f"""
query Probe($from: DateTime!, $to: DateTime!, $size: Int!, $created: Int!, $after: String{declared}) {{
  viewer {{
    ...ProfileFields
    ...RepositoryList
    contributionsCollection(from: $from, to: $to) {{ contributionYears ...WindowFields }}
    {asked.fields}
  }}
  {RATE}
}}
"""
    fragments = [PROFILE_FIELDS, REPOSITORY_LIST, WINDOW_FIELDS, REPOSITORY_FIELDS, *asked.fragments]
    variables = {
        "from": _start(since),
        "to": _end(until),
        "size": repositories,
        "created": repositories,
        "after": None,
    }
    return Query(
        "Probe",
        with_fragments(document, fragments),
        {**variables, **asked.variables},
        connections=2 + asked.connections,
    )


def contribution_windows(windows: Sequence[tuple[date, date]], created: int) -> Query:
    """Windows as w0, w1, ..., with the variables a0, b0 (first and last moment), a1, b1, ..."""
    variables: dict[str, object] = {"created": created}
    for index, (since, until) in enumerate(windows):
        variables |= {f"a{index}": _start(since), f"b{index}": _end(until)}
    count = range(len(windows))
    declared = ", ".join(f"$a{n}: DateTime!, $b{n}: DateTime!" for n in count)
    aliases = "\n    ".join(
        f"w{n}: contributionsCollection(from: $a{n}, to: $b{n}) {{ ...WindowFields }}" for n in count
    )
    document = f"""
query Windows($created: Int!, {declared}) {{
  viewer {{
    {aliases}
  }}
  {RATE}
}}
"""
    document = with_fragments(document, [WINDOW_FIELDS, REPOSITORY_FIELDS])
    return Query("Windows", document, variables, connections=len(windows))


def _start(day: date) -> str:
    return utc_text(datetime.combine(day, time(0, 0, 0), UTC))


def _end(day: date) -> str:
    """GitHub includes the last moment of a window."""
    return utc_text(datetime.combine(day, time(23, 59, 59), UTC))
