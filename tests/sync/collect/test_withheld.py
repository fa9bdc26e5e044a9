"""What GitHub counts and withholds (an entry that comes as null): nothing else is lost, it is said, and it
arrives when access is back.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from sandbox.github import search
from sandbox.github.generated_size import Size
from sandbox.github.items import PullRequest
from sandbox.github.service import Service
from sync.collect import completeness, reviews
from sync.consent import Choice
from sync.models import Subscription, SyncRun
from tests.sync.world import World, living

pytestmark = pytest.mark.django_db(transaction=True)
SIZE = Size(60, 6, 2, 8, 6, 20, 40, 5, 2, 2, 2)
LIMIT = 20


@pytest.fixture
def world(tmp_path: Path, settings: Settings) -> Iterator[World]:
    with living(tmp_path, settings, {}, account=SIZE, choice=Choice.PRIVATE) as world:
        yield world


def said(world: World) -> dict[str, str]:
    """Every explanation by what it explains."""
    compared = completeness.of_lists(world.subscription)
    return {line.name: line.explanation for line in compared if not line.agrees}


def reviewed(world: World) -> list[PullRequest]:
    """Pull requests of others, the last changed first."""
    service: Service = world.github.app.extensions["github_stand_in"]
    member = service.world.catalogue.member
    return [each for each in service.world.reviewed(member).items[::-1] if each.author is not member]


def private_name(world: World) -> str:
    service: Service = world.github.app.extensions["github_stand_in"]
    return next(each.full_name for each in service.world.catalogue.repositories if each.is_private)


def requests_with_reviews(world: World) -> set[str]:
    return {review["pull_request_id"] for review in world.records("reviews")}


def a_month_passes(world: World) -> SyncRun:
    subscription = world.subscription
    subscription.refresh_from_db()
    subscription.probe["compared_at"] = (timezone.now() - timedelta(days=31)).isoformat()
    subscription.save(update_fields=["probe"])
    return world.sync()


def the_member_agrees_anew(world: World) -> SyncRun:
    """As a connection does, with the scopes that were granted then."""
    agreement = {**world.subscription.agreement, "agreed_at": timezone.now().isoformat()}
    Subscription.objects.update(agreement=agreement)
    return world.sync()


def without_news(world: World) -> None:
    before, requests = world.checksums(), world.github.total
    world.sync()
    assert world.github.total - requests == 1
    assert world.checksums() == before


# --- The search for reviews ---


@pytest.fixture
def cut_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reviews, "SEARCH_LIMIT", LIMIT)
    monkeypatch.setattr(search, "MOST_RESULTS", LIMIT)


@pytest.mark.usefixtures("cut_search")
@pytest.mark.parametrize("places", [[0], [7, 8], [LIMIT - 1], [LIMIT - 2, LIMIT - 1, LIMIT], [*range(19)]])
def test_pull_requests_withheld_from_a_search_that_is_cut_lose_nothing_else(
    world: World, places: list[int]
) -> None:
    found = [each.node_id for each in reviewed(world)]
    assert len(found) > 3 * LIMIT
    withheld = {found[place] for place in places}
    world.github.fault(forbidden_node=sorted(withheld))
    world.sync()
    assert requests_with_reviews(world) >= {*found} - withheld
    assert said(world)["reviews"] == (
        f"GitHub withholds at least {len(withheld)} pull requests with reviews of yours"
    )
    without_news(world)


@pytest.mark.usefixtures("cut_search")
def test_a_search_that_cannot_go_on_ends_and_says_how_much_it_did_not_reach(world: World) -> None:
    """Nothing tells a moment to go on below: all that the search gives is withheld."""
    found = [each.node_id for each in reviewed(world)]
    world.github.fault(forbidden_node=found[:LIMIT])
    assert world.sync().state == SyncRun.State.SUCCEEDED
    rest = len(found) - LIMIT
    assert said(world)["reviews"].endswith(f"and its search does not reach {rest} more")
    world.github.fault(forbidden_node=False)
    a_month_passes(world)
    assert requests_with_reviews(world) >= {*found}
    assert said(world) == {}


# --- When access is back ---


@pytest.mark.parametrize("occasion", [a_month_passes, the_member_agrees_anew])
def test_what_was_withheld_is_fetched_once_access_is_back(world: World, occasion: object) -> None:
    assert callable(occasion)
    world.sync()
    undisturbed = world.checksums()
    issue, request = world.records("issues")[0]["id"], reviewed(world)[-1].node_id
    world.start_over()
    world.github.fault(forbidden_node=[issue, request])
    world.sync()
    assert said(world)["issues opened"] == "GitHub withholds 1 from us"
    assert "at least 1 pull request" in said(world)["reviews"]
    without_news(world)
    run = occasion(world)
    assert run.state == SyncRun.State.SUCCEEDED
    assert said(world), "it is looked for and still withheld"

    world.github.fault(forbidden_node=False)
    occasion(world)
    assert world.checksums() == undisturbed
    assert said(world) == {}
    asked = len(world.asked("Lists")), len(world.asked("Reviews"))
    occasion(world)
    assert (len(world.asked("Lists")), len(world.asked("Reviews"))) == asked, "nothing is withheld any more"


# --- What is said of it ---


def test_what_is_withheld_and_what_the_choice_does_not_cover_are_told_apart(
    tmp_path: Path, settings: Settings
) -> None:
    with living(tmp_path, settings, {}, account=SIZE) as world:
        world.connect(Choice.PRIVATE)  # the token could read private things; the member did not choose that
        for _ in range(2):
            world.act("create_issue", repository=private_name(world), at="2026-03-02T10:00:00Z")
        world.sync()
        private = "2 are in places that are not public, which are not part of your choice"
        assert said(world)["issues opened"] == private
        withheld = world.records("issues")[0]["id"]
        world.start_over()
        world.github.fault(forbidden_node=[withheld])
        world.sync()
        assert said(world)["issues opened"] == f"GitHub withholds 1 from us; {private}"
        world.act("create_issue", repository=private_name(world))
        world.sync()
        assert said(world)["issues opened"] == f"GitHub withholds 1 from us; 3{private[1:]}"


def test_what_the_member_left_out_is_told_apart_too(world: World) -> None:
    world.sync()
    issues = world.records("issues")
    place = issues[0]["repository_id"]
    left_out = len([issue for issue in issues if issue["repository_id"] == place])
    agreement = {**world.subscription.agreement, "left_out": [{"id": place, "name": issues[0]["repository"]}]}
    world.start_over()
    Subscription.objects.update(agreement=agreement)
    world.sync()
    assert said(world)["issues opened"] == f"{left_out} are in places that you left out or did not tick"
