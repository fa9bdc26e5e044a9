"""Every field that the schema names is answered by the node of its type."""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import GraphQLEnumType, GraphQLObjectType, build_schema

from sandbox.github import query  # it imports all of the nodes
from sandbox.github.nodes import snake_case
from sandbox.github.paging import Connection, Edge
from sandbox.github.resolve_contributions import CommitContributionsNode, ContributionsNode
from sandbox.github.resolve_git import GitActorNode
from sandbox.github.resolve_languages import LanguageConnection
from sandbox.github.resolve_objects import TreeEntryNode
from sandbox.github.resolve_people import StarConnection
from sandbox.github.resolve_repositories import RepositoryConnection
from sandbox.github.resolve_root import Root, SearchConnection

SCHEMA = build_schema((Path(query.__file__).parent / "schema.graphql").read_text())
SPECIAL: dict[str, type] = {
    "Query": Root,
    "ContributionsCollection": ContributionsNode,
    "CommitContributionsByRepository": CommitContributionsNode,
    "GitActor": GitActorNode,
    "TreeEntry": TreeEntryNode,
    "LanguageConnection": LanguageConnection,
    "RepositoryConnection": RepositoryConnection,
    "StarredRepositoryConnection": StarConnection,
    "SearchResultItemConnection": SearchConnection,
}
# These are answered from dictionaries; the tests of their subjects ask for all of their keys.
DICTIONARIES = {
    "PageInfo",
    "RateLimit",
    "ContributionCalendar",
    "ContributionCalendarDay",
    "ContributionCalendarMonth",
    "ContributionCalendarWeek",
    "CreatedCommitContribution",
    "CreatedIssueContribution",
    "CreatedPullRequestContribution",
    "CreatedPullRequestReviewContribution",
    "CreatedRepositoryContribution",
}


def _node_classes() -> Iterator[type]:
    modules = [module for name, module in sys.modules.items() if name.startswith("sandbox.github.resolve_")]
    for module in modules:
        for _, found in inspect.getmembers(module, inspect.isclass):
            yield found


def _class_for(name: str) -> type:
    if name in SPECIAL:
        return SPECIAL[name]
    if name.endswith("Connection"):
        return Connection
    if name.endswith("Edge"):
        return Edge
    by_typename = {getattr(each, "typename", None): each for each in _node_classes()}
    return by_typename[name]


OBJECTS = [
    each
    for each in SCHEMA.type_map.values()
    if isinstance(each, GraphQLObjectType) and not each.name.startswith("__")
]


@pytest.mark.parametrize("name", sorted(each.name for each in OBJECTS if each.name not in DICTIONARIES))
def test_every_field_has_an_answer(name: str) -> None:
    found = _class_for(name)
    fields = SCHEMA.type_map[name].fields  # type: ignore[attr-defined]
    annotations = {key for each in inspect.getmro(found) for key in inspect.get_annotations(each)}

    missing = [
        field
        for field in fields
        if not hasattr(found, snake_case(field)) and snake_case(field) not in annotations
    ]

    assert missing == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nameWithOwner", "name_with_owner"),
        ("viewerIsAMember", "viewer_is_a_member"),
        ("id", "id"),
        ("totalPullRequestReviewContributions", "total_pull_request_review_contributions"),
        ("bodyHTML", "body_html"),
    ],
)
def test_names_are_turned_into_snake_case(name: str, expected: str) -> None:
    assert snake_case(name) == expected


def test_there_is_nothing_to_change_anything_with() -> None:
    assert SCHEMA.mutation_type is None
    assert SCHEMA.subscription_type is None


def test_enumerations_have_githubs_values() -> None:
    affiliation = SCHEMA.type_map["RepositoryAffiliation"]

    assert isinstance(affiliation, GraphQLEnumType)
    assert set(affiliation.values) == {"OWNER", "COLLABORATOR", "ORGANIZATION_MEMBER"}
