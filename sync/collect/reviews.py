"""Reviews of others' pull requests, found by search; and what a pull request or review holds beyond its page.

GitHub keeps no list of somebody's reviews. Searching pull requests by reviewer gives them, the last changed
first, but never more than 1,000 to a query: the search then goes on below the oldest moment seen. The place
is kept in `Subscription.lists["reviews"]`:

    {"watermark": when the last finished reading began, by GitHub's clock,
     "contributions": what the probe counted,
     "reading": {"cursor", "until", "since", "frontier", "began", "read",
         "unreadable": pull requests that GitHub withheld, "tail": those of them after the frontier} or None,
     "unreadable": pull requests withheld when all was read, or since,
     "beyond": how many the search could not reach because too many were withheld,
     "rests": nested lists that are longer than what came with their parent,
     "withheld": those of them that GitHub did not manage to give, tried again as what is unreadable is}
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from github_client import (
    Contributions,
    Forbidden,
    NotFound,
    Probe,
    RepositoryRef,
    Review,
    ReviewPage,
    ReviewSizes,
    Unfinished,
)
from sync import planner, recurring
from sync.collect.calendars import DaysNoted
from sync.collect.collector import Collector
from sync.collect.github_records import file_kind, is_covered, moment, review_comment, review_entry
from sync.left_out import memory_of
from sync.models import Subscription
from sync.records import Entry, record_entry
from sync.staging import stage

LIST = "reviews"
EVERY = timedelta(days=7)
OVERLAP = timedelta(minutes=10)
# What one search gives at the most (GitHub: "only the first 1000 search results are available").
SEARCH_LIMIT = 1000
# What comes with a pull request. GitHub's price rises with the reviews, not with the comments of each.
REVIEWS, COMMENTS = 5, 30


def note_probe(subscription: Subscription, answer: Probe, now: datetime, days: DaysNoted) -> None:
    """Begin a reading the first time, whenever the contributions tell of new reviews, and once a week.

    `now` is GitHub's: what it changes after that is found by the next reading, whatever clock we go by.
    GitHub counts one review of each pull request, on one day: another one of the same pull request moves it
    to another day at the most.
    """
    if LIST not in subscription.kinds:
        return
    state = _state(subscription)
    counted = _counted(answer.contributions)
    known, state["contributions"] = state.get("contributions"), counted
    if state["reading"] is not None:
        return
    is_news = bool(answer.contributions.reviews) and _is_news(known or {}, counted, days)
    watermark = _moment(state["watermark"])
    if watermark and watermark > now + OVERLAP:
        watermark = None  # by a clock of ours that was ahead
    if known is None or is_news or recurring.is_due(watermark, EVERY, now):
        state["reading"] = _new_reading(now, watermark)


def _counted(contributions: Contributions) -> dict[str, Any]:
    others = (
        contributions.commits,
        contributions.issues,
        contributions.pull_requests,
        contributions.created_total,
    )
    return {
        "since": contributions.since.isoformat(),
        "reviews": contributions.reviews,
        "others": [*others],
    }


def _is_news(known: Mapping[str, Any], counted: Mapping[str, Any], days: DaysNoted) -> bool:
    """Whether the counts of reviews differ, or a day lost more than the counts of all kinds did.

    The counts belong to the probe's window, which moves each Monday: another window is compared by whether
    any of its days changed.
    """
    if known.get("since") != counted["since"]:
        return days.are_news
    if known["reviews"] != counted["reviews"]:
        return True
    pairs = zip(known.get("others", ()), counted["others"], strict=False)
    explained = sum(max(before - after, 0) for before, after in pairs)
    return bool(days.lost > explained)


def _new_reading(now: datetime, watermark: datetime | None) -> dict[str, Any]:
    return {
        "cursor": None,
        "until": None,
        "since": (watermark - OVERLAP).isoformat() if watermark else None,
        "frontier": now.isoformat(),
        "began": now.isoformat(),
        "read": 0,
        "unreadable": 0,
        "tail": 0,
    }


def read_withheld(subscription: Subscription, now: datetime) -> None:
    """All once more where GitHub withheld something, and what it gave up on: it may be readable by now."""
    state = subscription.lists.get(LIST)
    if state is None or LIST not in subscription.kinds:
        return
    state["rests"] += state.pop("withheld", [])
    if state.get("unreadable") or (state["reading"] or {}).get("unreadable"):
        state["reading"] = _new_reading(now, None)


def _state(subscription: Subscription) -> dict[str, Any]:
    return subscription.lists.setdefault(LIST, {"watermark": None, "reading": None, "rests": []})  # type: ignore[no-any-return]


def frontier(subscription: Subscription) -> datetime | None:
    reading = subscription.lists.get(LIST, {}).get("reading")
    return datetime.fromisoformat(reading["frontier"]) if reading else None


def sizes(page: int) -> ReviewSizes:
    """Less comes with each pull request where GitHub gives up on few of them."""
    return ReviewSizes(reviews=min(REVIEWS, page), comments=min(COMMENTS, page))


def rests(subscription: Subscription) -> list[planner.Rest]:
    return [planner.Rest(**rest) for rest in subscription.lists.get(LIST, {}).get("rests", [])]


def read_reviews(collector: Collector, request: planner.ReadReviews) -> None:
    subscription = collector.subscription
    reading = subscription.lists[LIST]["reading"]
    page = collector.github.fetch_reviews(
        subscription.github_login,
        _moment(reading["until"]),
        _moment(reading["since"]),
        reading["cursor"],
        request.size,
        sizes(request.size),
    )
    with collector.recorded():
        _stage(subscription, page.reviews)
        note_rest(subscription, page.reviews, page.unfinished)
        _advance(reading, page)
        if not page.has_next:
            _end_query(subscription.lists[LIST], page.total)
        subscription.save(update_fields=["lists"])


def _advance(reading: dict[str, Any], page: ReviewPage) -> None:
    """Results that GitHub withholds take their places in the search, but tell no moment."""
    reading["read"] += page.pull_requests + page.unreadable
    reading["unreadable"] = reading.get("unreadable", 0) + page.unreadable
    if page.oldest_updated_at is None:
        reading["tail"] = reading.get("tail", 0) + page.unreadable
    else:
        reading["frontier"], reading["tail"] = page.oldest_updated_at.isoformat(), page.unreadable_at_end
    reading["cursor"] = page.end_cursor


def _end_query(state: dict[str, Any], total: int) -> None:
    """A query that GitHub cut at its limit goes on below the oldest moment seen; else the reading is over."""
    reading = state["reading"]
    is_cut = total > reading["read"] and reading["read"] >= SEARCH_LIMIT
    if is_cut and reading["frontier"] != reading["until"]:
        withheld = reading["unreadable"] - reading["tail"]  # the next query meets those at the end again
        reading.update(cursor=None, until=reading["frontier"], read=0, unreadable=withheld, tail=0)
        return
    found = {"unreadable": reading["unreadable"], "beyond": total - reading["read"] if is_cut else 0}
    is_whole = reading["since"] is None
    state.update({name: n if is_whole else max(n, state.get(name, 0)) for name, n in found.items()})
    state["watermark"], state["reading"] = reading["began"], None


def _stage(subscription: Subscription, found: Iterable[Review]) -> None:
    entries = [review_entry(subscription, review) for review in found]
    stage(subscription, [entry for entry in entries if entry is not None])


# --- What did not come with its parent ---


def note_rest(
    subscription: Subscription, found: Iterable[Review], more_reviews: Iterable[Unfinished]
) -> None:
    """Remember nested lists that are longer than what came: nothing is cut silently.

    What the choice does not cover is not even noted.
    """
    queue, left_out, omissions = (
        _state(subscription)["rests"],
        memory_of(subscription),
        subscription.omissions,
    )

    def is_kept(place: RepositoryRef) -> bool:
        return (
            is_covered(subscription, place.visibility)
            and not left_out.covers_repository(place.node_id)
            and not omissions.covers(place.node_id, place.name, place.visibility, subscription.github_login)
        )

    for review in found:
        if left_out.covers_key(LIST, (review.node_id,), None) or not is_kept(review.repository):
            continue
        if not review.are_comments_whole:
            submitted = moment(review.submitted_at) or ""
            place = f"{submitted} {file_kind(review.repository.visibility)}"
            _add_rest(queue, "review_comments", review.node_id, review.comments_cursor, place)
    now = moment(timezone.now()) or ""
    for rest in more_reviews:
        if is_kept(rest.repository):
            _add_rest(queue, "reviews", rest.pull_request_id, rest.cursor, now)


def _add_rest(queue: list[dict[str, str]], kind: str, node_id: str, cursor: str | None, place: str) -> None:
    """Once only: a pull request may be met by the probe, its list and the search."""
    submitted, _, file = place.partition(" ")
    known = {(rest["kind"], rest["node_id"]) for rest in queue}
    if (kind, node_id) not in known:
        queue.append(
            {"kind": kind, "node_id": node_id, "cursor": cursor or "", "moment": submitted, "file": file}
        )


def read_rest(collector: Collector, request: planner.ReadRest) -> None:
    rest, subscription = request.rest, collector.subscription
    found: tuple[Review, ...] = ()
    staged: list[tuple[str, Entry]] = []
    try:
        if rest.kind == "reviews":
            found, cursor = collector.github.fetch_more_reviews(
                rest.node_id, subscription.github_login, rest.cursor or None
            )
        else:
            comments, cursor = collector.github.fetch_more_review_comments(rest.node_id, rest.cursor or None)
            parts = [review_comment(comment) for comment in comments]
            # Joined to its review by id when the file is written.
            record = {"id": rest.node_id, "submitted_at": rest.moment, "comments": parts}
            staged = [(rest.file, record_entry("reviews", record))]
    except (NotFound, Forbidden):
        cursor = None  # gone since its parent was read: there is no rest any more
    with collector.recorded():
        queue = _state(subscription)["rests"]
        queue.pop(0)
        _stage(subscription, found)
        stage(subscription, staged)
        note_rest(subscription, found, ())
        if cursor:
            queue.insert(0, {**_as_dict(rest), "cursor": cursor})
        subscription.save(update_fields=["lists"])


def go_without(collector: Collector) -> None:
    """GitHub gives up on a nested list: it must not stand in the way of all that is older."""
    with collector.recorded():
        state = _state(collector.subscription)
        state["withheld"] = [*state.get("withheld", ()), state["rests"].pop(0)]
        collector.subscription.save(update_fields=["lists"])


def _as_dict(rest: planner.Rest) -> dict[str, str]:
    return {name: getattr(rest, name) for name in planner.Rest.__slots__}


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
