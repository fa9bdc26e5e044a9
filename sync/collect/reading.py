"""What is still to be read, and the one request that reads on.

Each reader sends one request and stores the answer's records and the new cursor in one transaction, so that a
worker killed anywhere repeats at most the request in flight.
"""

import logging
import time
from datetime import date
from typing import Any

from django.db.models import F

from github_client import TooHeavy
from sync import planner
from sync.collect import calendars, histories, lists, releases, repositories, reviews
from sync.collect.collector import Collector
from sync.errors import GitHubGivesUp
from sync.models import CountOfTallies, Subscription
from sync.records import CALENDAR, COMMITS
from sync.tracking import finding, reading, scope

logger = logging.getLogger(__name__)
# What rows of repositories and the planner's streams call by one name.
STREAM = (
    "head_oid",
    "head_committed_at",
    "pinned_oid",
    "cursor",
    "is_read",
    "frontier",
    "said",
    "said_for_oid",
)


def next_request(subscription: Subscription) -> planner.Request | None:
    """What to ask next, or None when everything has been read. Tracks come when all records are read."""
    return planner.next_request(situation(subscription)) or next_of_tracks(subscription)


def next_of_tracks(subscription: Subscription) -> planner.Request | None:
    if not scope.is_looking(subscription):
        return None
    return finding.next_tree(subscription) or reading.next_files(subscription)


def situation(subscription: Subscription) -> planner.Situation:
    state = subscription.lists
    # Asked before each request, for hundreds of them: no objects, and nothing else of these rows.
    unread = subscription.repositories.filter(is_read=False).values(
        *STREAM,
        repository_id=F("node_id"),
        seen=CountOfTallies("seen_by_week"),
        again=F(f"reading__{histories.AGAIN}"),
    )
    return planner.Situation(
        repositories_cursor=state.get(repositories.LIST, {}).get("cursor"),
        windows=[
            (date.fromisoformat(since), date.fromisoformat(until))
            for since, until in state.get(CALENDAR, {}).get("windows", [])
        ],
        streams=[_stream(**row) for row in unread] if COMMITS in subscription.kinds else [],
        batch_sizes=subscription.batch_sizes,
        lists=lists.unfinished(subscription),
        reviews=reviews.frontier(subscription),
        rests=reviews.rests(subscription),
        releases=releases.queue(subscription),
    )


def _stream(again: dict[str, Any] | None, **facts: Any) -> planner.Stream:
    return planner.Stream(**facts, again=planner.Again(**again) if again else None)


def read(collector: Collector, request: planner.Request) -> None:
    """Send the request and keep its answer; a batch GitHub gives up on is halved for the next time."""
    kind, began = planner.kind_of(request), time.monotonic()
    subscription = collector.subscription
    try:
        _send(collector, request)
    except TooHeavy:
        if not collector.ask_less(kind):
            _read_the_smallest(collector, request, kind)
        return
    subscription.batch_sizes = planner.larger(subscription.batch_sizes, kind, time.monotonic() - began)
    subscription.save(update_fields=["batch_sizes"])


def _send(collector: Collector, request: planner.Request) -> None:
    match request:
        case planner.ReadRepositories():
            repositories.read_repositories(collector, request)
        case planner.ReadCalendar():
            calendars.read_calendar(collector, request)
        case planner.ReadTotals():
            histories.read_totals(collector, request)
        case planner.ReadCommits():
            histories.read_commits(collector, request)
        case planner.ReadLists():
            lists.read_lists(collector, request)
        case planner.ReadReviews():
            reviews.read_reviews(collector, request)
        case planner.ReadRest():
            reviews.read_rest(collector, request)
        case planner.ReadReleases():
            releases.read_releases(collector, request)
        case planner.ReadTree() | planner.ReadFiles() | planner.ReadBlob():
            _send_of_tracks(collector, request)


def _send_of_tracks(collector: Collector, request: planner.TrackRequest) -> None:
    match request:
        case planner.ReadTree():
            finding.read_tree(collector, request)
        case planner.ReadFiles():
            reading.read_files(collector, request)
        case planner.ReadBlob():
            reading.read_blob(collector, request)


def _read_the_smallest(collector: Collector, request: planner.Request, kind: str) -> None:
    """GitHub gave up on it. Where nothing else helps, `TooHeavy` has the run wait and try again.

    Not for ever: a single repository or record must not stand in the way of everything else.
    """
    try:
        _read_otherwise(collector, request)
    except TooHeavy as error:
        if not collector.was_last_try(kind):
            raise
        logger.warning("Going on without: %s", error, extra=collector.run.detail)
        _go_without(collector, request, error)
    else:
        collector.answered(kind)


def _go_without(collector: Collector, request: planner.Request, error: TooHeavy) -> None:
    """What belongs to one repository or record is noted as not readable; without the rest the run fails."""
    match request:
        case planner.ReadCommits():
            histories.go_without(collector, request.pages[0])
        case planner.ReadReleases():
            releases.go_without(collector, request)
        case planner.ReadRest():
            reviews.go_without(collector)
        case planner.ReadTree():
            finding.go_without(collector, request)
        case planner.ReadBlob():
            reading.go_without(collector, request)
        case _:
            raise GitHubGivesUp(f"GitHub gives up on {planner.kind_of(request)}: {error}") from error


def _read_otherwise(collector: Collector, request: planner.Request) -> None:
    """What is left when GitHub gives up on the smallest batch; raises `TooHeavy` where nothing is."""
    match request:
        case planner.ReadCommits():
            collector.require_answers()
            histories.read_commits_rest(collector, request.pages[0])
        case planner.ReadTotals():
            histories.go_without_totals(collector, request)
        case planner.ReadCalendar():
            calendars.cut_window(collector.subscription)
        case planner.ReadTree(is_recursive=True):
            finding.split(collector, request)
        case planner.ReadFiles():
            reading.fetch_raw(collector, request)
        case _:
            raise TooHeavy("GitHub gives up on the smallest request; trying again later.")
