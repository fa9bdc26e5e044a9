"""Who the member is, and the contribution graph of their days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import cast

from github_client.activity import ListRequest
from github_client.decoding.lists import list_pages
from github_client.decoding.parts import filled_text
from github_client.decoding.repositories import repository, repository_page
from github_client.errors import UnexpectedResponse
from github_client.node import Node
from github_client.types import Contributions, Identity, Probe, Profile, Rate


def rest_identity(user: Node, scopes: frozenset[str]) -> Identity:
    """From REST `GET /user`, https://docs.github.com/rest/users/users#get-the-authenticated-user"""
    return Identity(
        node_id=user.text("node_id"),
        database_id=user.count("id"),
        login=user.text("login"),
        name=user.optional_text("name"),
        scopes=scopes,
    )


def probe(
    root: Node,
    since: date,
    until: date,
    requests: Sequence[ListRequest],
    scopes: frozenset[str],
    rate: Rate | None,
) -> Probe:
    viewer = root.node("viewer")
    collection = viewer.node("contributionsCollection")
    years = collection.items("contributionYears")
    if not all(type(year) is int for year in years):
        raise UnexpectedResponse("contributionYears are not numbers")
    return Probe(
        identity=_identity(viewer, scopes),
        profile=_profile(viewer),
        created_at=viewer.moment("createdAt"),
        contribution_years=tuple(cast(list[int], years)),
        contributions=_contributions(collection, since, until),
        repositories=repository_page(viewer.node("repositories")),
        lists={page.name: page for page in list_pages(viewer, requests)},
        rate=rate,
    )


def windows(root: Node, asked: Sequence[tuple[date, date]]) -> tuple[Contributions, ...]:
    viewer = root.node("viewer")
    return tuple(
        _contributions(viewer.node(f"w{index}"), since, until) for index, (since, until) in enumerate(asked)
    )


def _identity(viewer: Node, scopes: frozenset[str]) -> Identity:
    return Identity(
        node_id=viewer.text("id"),
        database_id=viewer.count("databaseId"),
        login=viewer.text("login"),
        name=viewer.optional_text("name"),
        scopes=scopes,
    )


def _profile(viewer: Node) -> Profile:
    return Profile(
        node_id=viewer.text("id"),
        database_id=viewer.count("databaseId"),
        login=viewer.text("login"),
        name=filled_text(viewer, "name"),
        bio=filled_text(viewer, "bio"),
        company=filled_text(viewer, "company"),
        location=filled_text(viewer, "location"),
        website_url=filled_text(viewer, "websiteUrl"),
        twitter_username=filled_text(viewer, "twitterUsername"),
        created_at=viewer.moment("createdAt"),
        followers=viewer.node("followers").count("totalCount"),
        following=viewer.node("following").count("totalCount"),
    )


def _contributions(collection: Node, since: date, until: date) -> Contributions:
    calendar = collection.node("contributionCalendar")
    created = collection.node("repositoryContributions")
    made = [item.node("repository") for item in created.optional_nodes("nodes") if item]
    return Contributions(
        since=since,
        until=until,
        days=days(calendar, since, until),
        total=calendar.count("totalContributions"),
        restricted=collection.count("restrictedContributionsCount"),
        repositories=tuple(
            (repository(item.node("repository")), item.node("contributions").count("totalCount"))
            for item in collection.nodes("commitContributionsByRepository")
        ),
        repositories_total=collection.count("totalRepositoriesWithContributedCommits"),
        created=tuple(repository(node) for node in made),
        created_total=created.count("totalCount"),
        commits=collection.count("totalCommitContributions"),
        reviews=collection.count("totalPullRequestReviewContributions"),
        issues=collection.count("totalIssueContributions"),
        pull_requests=collection.count("totalPullRequestContributions"),
    )


def days(calendar: Node, since: date, until: date) -> dict[date, int]:
    """Only days with contributions, and none outside the window, with which GitHub may fill up a week."""
    found: dict[date, int] = {}
    for week in calendar.nodes("weeks"):
        for day in week.nodes("contributionDays"):
            on, count = day.day("date"), day.count("contributionCount")
            if count and since <= on <= until:
                found[on] = count
    return found
