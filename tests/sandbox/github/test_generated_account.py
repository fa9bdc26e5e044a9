"""The generator: as much as was asked for, where it was asked for, and the same every time."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox.github.app import create_app
from sandbox.github.catalogue import Catalogue, SettingError
from sandbox.github.generated_account import UNTIL, generate, zipf
from sandbox.github.generated_size import PROFILES, size_of
from sandbox.github.hosted import Organization
from tests.sandbox.github.conftest import GitHub
from tests.sandbox.github.histories import BOB, Planned, make_repository

ROOT = Path(__file__).parents[3]
ALL_SCOPES = ("read:user", "repo", "read:org", "gist")
TOTALS = """{ viewer { login createdAt
  repositories(ownerAffiliations: [OWNER, COLLABORATOR, ORGANIZATION_MEMBER]) { totalCount }
  issues { totalCount } pullRequests { totalCount } issueComments { totalCount }
  gists(privacy: ALL) { totalCount }
  commitComments { totalCount } gistComments { totalCount } starredRepositories { totalCount }
  repositoryDiscussions { totalCount } repositoryDiscussionComments { totalCount }
  organizations { totalCount } followers { totalCount } following { totalCount }
  bio company location websiteUrl twitterUsername contributionsCollection { contributionYears } } }"""
PRINT_DIGEST = """
import hashlib
from sandbox.github.app import create_app
app = create_app(account="300:10:2", seed=3)
service = app.extensions["github_stand_in"]
digest = hashlib.sha256()
for repository in service.world.catalogue.repositories:
    digest.update(f"{repository.node_id} {repository.full_name} {repository.git.head}".encode())
    for oid in repository.git.order(repository.git.head) if repository.git.head else ():
        digest.update(repr(repository.git.commit(oid)).encode())
    for item in service.world.activity(repository).items():
        digest.update(f"{item.node_id} {item.created} {item.updated} {item.body}".encode())
print(digest.hexdigest())
"""


def _oids_of_the_member(github: GitHub) -> list[str]:
    spellings = frozenset(github.member.spellings)
    return [
        oid
        for repository in github.service.world.catalogue.repositories
        if repository.git.head and repository.parent is None
        for oid in repository.git.select(repository.git.head, emails=spellings)
    ]


@pytest.mark.parametrize("profile", ["light", "typical"])
def test_a_profile_has_the_amounts_it_names(profile: str) -> None:
    size = PROFILES[profile]
    github = GitHub(create_app(account=profile), ALL_SCOPES)

    totals = github.ask(TOTALS)["viewer"]

    assert len(_oids_of_the_member(github)) == size.commits
    assert totals["issues"]["totalCount"] == size.issues * size.years
    assert totals["pullRequests"]["totalCount"] == size.pull_requests * size.years
    assert totals["starredRepositories"]["totalCount"] == size.stars * size.years
    assert totals["gists"]["totalCount"] == totals["gistComments"]["totalCount"] == size.gists * size.years
    assert totals["repositoryDiscussions"]["totalCount"] == size.discussions * size.years
    # The first comments may come before there is anything to comment on.
    wanted = size.comments * size.years
    assert wanted - 10 <= totals["issueComments"]["totalCount"] <= wanted
    reviewed = github.service.world.reviewed(github.member).items
    others = [request for request in reviewed if request.author is not github.member]
    assert len(others) == size.reviewed * size.years
    assert len(totals["contributionsCollection"]["contributionYears"]) in {size.years, size.years + 1}


def test_the_amounts_a_year_are_those_the_request_counts_are_made_for() -> None:
    a_year = {
        name: (size.issues, size.pull_requests, size.comments, size.reviewed, size.stars)
        for name, size in PROFILES.items()
    }

    assert a_year == {
        "light": (10, 10, 40, 5, 20),
        "typical": (60, 150, 500, 150, 100),
        "heavy": (300, 1_000, 4_000, 1_500, 200),
    }
    assert {name: (size.commits, size.repositories) for name, size in PROFILES.items()} == {
        "light": (500, 5),
        "typical": (8_000, 40),
        "heavy": (150_000, 300),
    }


def test_any_size_can_be_asked_for() -> None:
    size = size_of("2000:20:4")

    assert (size.commits, size.repositories, size.years) == (2_000, 20, 4)
    assert size.issues == 30  # half as many commits a year as the typical one
    github = GitHub(create_app(account=size))
    assert len(_oids_of_the_member(github)) == 2_000


@pytest.mark.parametrize("text", ["huge", "1:2", "1:2:1", "10:0:1", "10:1:0", "a:b:c", ""])
def test_a_size_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="--account"):
        size_of(text)


def test_the_same_seed_gives_the_same_bytes_in_another_process() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", PRINT_DIGEST],
            capture_output=True,
            check=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed},
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(digests) == 1
    assert len(digests.pop().strip()) == 64


def test_another_seed_gives_other_commits_of_the_same_number() -> None:
    one, other = (GitHub(create_app(account="100:3:1", seed=seed)) for seed in (1, 2))

    assert len(_oids_of_the_member(one)) == len(_oids_of_the_member(other)) == 100
    assert not set(_oids_of_the_member(one)) & set(_oids_of_the_member(other))


def test_answers_are_the_same_too() -> None:
    answers = [GitHub(create_app(account="100:3:1", seed=1), ALL_SCOPES).ask(TOTALS) for _ in range(2)]

    digests = {hashlib.sha256(json.dumps(answer).encode()).hexdigest() for answer in answers}
    assert len(digests) == 1


def test_commits_fall_on_repositories_by_zipfs_law() -> None:
    counts = zipf(1_000, 10)

    assert sum(counts) == 1_000
    assert counts == sorted(counts, reverse=True)
    assert counts[0] / counts[1] == pytest.approx(2, rel=0.1)
    assert counts[0] / counts[9] == pytest.approx(10, rel=0.1)
    assert zipf(3, 3) == [1, 1, 1]


def test_commits_lie_in_the_years_before_the_end(generated: GitHub) -> None:
    end = int(UNTIL.timestamp())
    commits = [
        commit
        for repository in generated.service.world.catalogue.repositories
        if repository.git.head
        for oid in repository.git.order(repository.git.head)
        if (commit := repository.git.commit(oid))
    ]

    assert all(end - 2 * 31_557_600 <= commit.author.seconds <= end for commit in commits)
    years = Counter(datetime.fromtimestamp(commit.author.seconds, UTC).year for commit in commits)
    assert min(years.values()) > 5
    assert len({commit.author.offset_minutes for commit in commits}) > 3
    assert len({len(commit.message) for commit in commits}) > 50
    assert any("\n\n" in commit.message for commit in commits)
    assert all(commit.committer.seconds >= commit.author.seconds for commit in commits)


def test_the_end_can_be_chosen() -> None:
    catalogue = Catalogue()
    made, _ = generate(catalogue, size_of("50:2:1"), until=datetime(2020, 5, 1, tzinfo=UTC))

    newest = max(history.authored_seconds(0) for history in made.histories.values())
    assert datetime.fromtimestamp(newest, UTC) < datetime(2020, 5, 1, tzinfo=UTC)
    assert datetime.fromtimestamp(catalogue.member.created_seconds, UTC).year == 2019


def test_repositories_are_own_of_organisations_and_foreign(generated: GitHub) -> None:
    repositories = generated.service.world.catalogue.repositories
    with_commits = [each for each in repositories if each.git.head]
    kinds = Counter(
        "organisation" if isinstance(each.owner, Organization) else each.owner is generated.member
        for each in with_commits
        if each.parent is None
    )

    assert set(kinds) == {"organisation", True, False}
    assert kinds[True] > kinds["organisation"]
    assert any(each.is_private for each in with_commits)
    assert not any(each.is_private for each in with_commits if each.affiliation(generated.member) is None), (
        "nobody can commit to a stranger's private repository"
    )


def test_others_commit_too_and_are_other_accounts(generated: GitHub) -> None:
    organisation = next(
        each for each in generated.service.world.catalogue.repositories if each.is_in_organization
    )
    git = organisation.git
    assert git.head is not None

    authors = {commit.author.email for oid in git.order(git.head) if (commit := git.commit(oid))}

    assert len(authors) > 1
    accounts = [generated.service.world.catalogue.account_by_email(email) for email in authors]
    assert all(account is not None for account in accounts)


def test_lists_are_in_order_of_time_and_numbers_grow(generated: GitHub) -> None:
    nodes = generated.ask(
        """{ viewer { issues(first: 100, orderBy: {field: CREATED_AT, direction: ASC}) { nodes {
        number createdAt updatedAt closedAt state stateReason repository { id } } } } }"""
    )["viewer"]["issues"]["nodes"]

    assert len(nodes) > 20
    by_repository: dict[str, list[int]] = {}
    for node in nodes:
        by_repository.setdefault(node["repository"]["id"], []).append(node["number"])
        assert (node["closedAt"] is None) is (node["state"] == "OPEN")
        assert (node["stateReason"] is None) is (node["state"] == "OPEN")
        assert node["updatedAt"] >= node["createdAt"]
    assert all(numbers == sorted(set(numbers)) for numbers in by_repository.values())


def test_pull_requests_have_every_state_and_reviews(generated: GitHub) -> None:
    nodes = generated.ask(
        """{ viewer { pullRequests(first: 100) { nodes { state merged mergedAt mergeCommit { oid }
        additions changedFiles reviews(first: 10) { totalCount nodes { author { login } state
        comments(first: 20) { totalCount nodes { path body pullRequestReview { id } } } } } } } } }"""
    )["viewer"]["pullRequests"]["nodes"]

    assert {node["state"] for node in nodes} >= {"MERGED", "CLOSED"}
    for node in nodes:
        is_merged = node["state"] == "MERGED"
        assert node["merged"] is is_merged
        assert (node["mergedAt"] is not None) is is_merged
        assert (node["mergeCommit"] is not None) is is_merged
        assert node["additions"] > 0
    reviews = [review for node in nodes for review in node["reviews"]["nodes"]]
    assert {review["author"]["login"] == "member" for review in reviews} == {True, False}
    assert any(review["comments"]["totalCount"] for review in reviews)


def test_some_nested_lists_are_longer_than_one_page_of_them() -> None:
    github = GitHub(create_app(account="typical"), ALL_SCOPES)
    activities = list(github.service.world.activities())

    most_reviews = max(len(request.reviews) for each in activities for request in each.pull_requests)
    most_comments = max(len(review.comments) for each in activities for review in each.reviews)

    assert most_reviews > 10
    assert most_comments > 20


def test_releases_are_tags_of_commits(generated: GitHub) -> None:
    first = generated.service.world.catalogue.repositories[0]
    answer = generated.ask(
        """query($id: ID!) { node(id: $id) { ... on Repository {
        refs(refPrefix: "refs/tags/", first: 50) { totalCount }
        releases(first: 50) { totalCount nodes { tagName isPrerelease publishedAt author { login }
          tagCommit { oid } } } latestRelease { tagName isLatest } } } }""",
        id=first.node_id,
    )["node"]

    releases = answer["releases"]["nodes"]
    assert answer["refs"]["totalCount"] == answer["releases"]["totalCount"] == len(releases) > 0
    assert {release["author"]["login"] for release in releases} == {"member"}
    published = [release["publishedAt"] for release in releases]
    assert published == sorted(published, reverse=True)
    assert answer["latestRelease"]["isLatest"] is True
    for release in releases:
        assert first.git.commit(release["tagCommit"]["oid"])


def test_forks_have_the_history_of_their_parent_and_count_for_nothing() -> None:
    github = GitHub(create_app(account="400:40:2"), ALL_SCOPES)
    forks = [each for each in github.service.world.catalogue.repositories if each.parent]

    assert len(forks) == 2
    for fork in forks:
        assert fork.parent is not None
        assert fork.git.head == fork.parent.git.head
        assert fork.owner.id == github.member.id
        assert fork.id not in github.service.world.contributions(github.member).commits


def test_the_calendar_holds_every_commit(generated: GitHub) -> None:
    counted = 0
    for year in (2024, 2025, 2026):
        window = generated.ask(
            """query($from: DateTime!, $to: DateTime!) { viewer {
            contributionsCollection(from: $from, to: $to) {
            totalCommitContributions restrictedContributionsCount } } }""",
            **{"from": f"{year}-01-01T00:00:00Z", "to": f"{year}-12-31T23:59:59Z"},
        )["viewer"]["contributionsCollection"]
        counted += window["totalCommitContributions"]
        assert window["restrictedContributionsCount"] == 0

    assert counted == len(_oids_of_the_member(generated)) == 400


def test_tracks_are_files_and_binary_ones_have_no_text() -> None:
    github = GitHub(create_app(account="light"), ALL_SCOPES)
    first = github.service.world.catalogue.repositories[0]

    tree = github.get(f"/repos/{first.full_name}/git/trees/{first.git.head}?recursive=1").json["tree"]
    tracks = [entry for entry in tree if entry["path"].startswith("tracks/") and entry["type"] == "blob"]
    query = """query($id: ID!, $oid: GitObjectID!) { node(id: $id) { ... on Repository { object(oid: $oid) {
      ... on Blob { byteSize isBinary text } } } } }"""

    assert len(tracks) == 20
    binary = [entry for entry in tracks if entry["path"].endswith(".fit")]
    assert len(binary) == 2
    fit = github.ask(query, id=first.node_id, oid=binary[0]["sha"])["node"]["object"]
    gpx = github.ask(query, id=first.node_id, oid=tracks[0]["sha"])["node"]["object"]
    assert (fit["isBinary"], fit["text"]) == (True, None)
    assert gpx["text"].startswith("<?xml")
    assert gpx["byteSize"] == tracks[0]["size"]


def test_an_account_can_stand_beside_repositories_on_disk(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "real", [Planned(), Planned(author=BOB)])
    github = GitHub(create_app([path], account="50:3:1"), ALL_SCOPES)

    names: set[Any] = {
        node["nameWithOwner"].split("/")[0]
        for node in github.ask("{ viewer { login repositories(first: 50) { nodes { nameWithOwner } } } }")[
            "viewer"
        ]["repositories"]["nodes"]
    }

    assert github.member.login == "alice"
    assert names == {"alice"}
    assert len(_oids_of_the_member(github)) == 51


def test_the_heaviest_starts_in_seconds() -> None:
    started = time.perf_counter()
    made, _ = generate(Catalogue(), PROFILES["heavy"])
    took = time.perf_counter() - started

    assert sum(len(history) for history in made.histories.values()) > 150_000
    assert took < 20  # two seconds alone; the machine may be busy
