"""Reviews of others' pull requests, found by search; and what a pull request or review holds beyond its page.

GitHub keeps no list of somebody's reviews. Searching pull requests by reviewer gives them, the last changed
first, but never more than 1,000 to a query: the search then goes on below the oldest moment seen. The place
is kept in `Subscription.lists["reviews"]`:

    {"watermark": when the last finished reading began, "contributions": what the probe counted,
     "reading": {"cursor", "until", "since", "frontier", "began", "read"} or None,
     "rests": nested lists that are longer than what came with their parent,
     "withheld": those of them that GitHub did not manage to give, tried again once a month}
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from github_client import Forbidden, NotFound, Probe, Review, ReviewSizes
from sync import planner
from sync.collect.collector import Collector
from sync.collect.github_records import file_kind, is_covered, moment, review_comment, review_entry
from sync.left_out import memory_of
from sync.models import Subscription
from sync.records import Entry, record_entry
from sync.staging import stage

LIST = "reviews"
OVERLAP = timedelta(minutes=10)
# What one search gives at the most (GitHub: "only the first 1000 search results are available").
SEARCH_LIMIT = 1000
# What comes with a pull request. GitHub's price rises with the reviews, not with the comments of each.
REVIEWS, COMMENTS = 5, 30


def note_probe(subscription: Subscription, answer: Probe, now: datetime, *, is_active: bool) -> None:
    """Begin a reading the first time, and whenever the contributions tell of new reviews.

    The count belongs to the probe's window, which moves each Monday: another window is compared by whether
    any of its days changed.
    """
    if LIST not in subscription.kinds:
        return
    state = _state(subscription)
    counted = {"since": answer.contributions.since.isoformat(), "reviews": answer.contributions.reviews}
    known, state["contributions"] = state.get("contributions"), counted
    is_first = known is None
    is_moved = known != counted and (is_active or (known or {}).get("since") == counted["since"])
    if state["reading"] is None and (is_first or (is_moved and answer.contributions.reviews)):
        watermark = state["watermark"]
        since = datetime.fromisoformat(watermark) - OVERLAP if watermark else None
        state["reading"] = {
            "cursor": None,
            "until": None,
            "since": since.isoformat() if since else None,
            "frontier": now.isoformat(),
            "began": now.isoformat(),
            "read": 0,
        }


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
        reading["read"] += page.pull_requests
        if page.oldest_updated_at is not None:
            reading["frontier"] = page.oldest_updated_at.isoformat()
        reading["cursor"] = page.end_cursor
        if not page.has_next:
            _end_query(subscription.lists[LIST], page.total, page.oldest_updated_at)
        subscription.save(update_fields=["lists"])


def _end_query(state: dict[str, Any], total: int, oldest: datetime | None) -> None:
    """A query that GitHub cut at its limit goes on below the oldest moment seen; else the reading is over."""
    reading = state["reading"]
    is_cut = total > reading["read"] and reading["read"] >= SEARCH_LIMIT
    if is_cut and oldest is not None and oldest.isoformat() != reading["until"]:
        reading.update(cursor=None, until=oldest.isoformat(), read=0)
        return
    state["watermark"], state["reading"] = reading["began"], None


def _stage(subscription: Subscription, found: Iterable[Review]) -> None:
    entries = [review_entry(subscription, review) for review in found]
    stage(subscription, [entry for entry in entries if entry is not None])


# --- What did not come with its parent ---


def note_rest(
    subscription: Subscription, found: Iterable[Review], more_reviews: Iterable[tuple[str, str | None]]
) -> None:
    """Remember nested lists that are longer than what came: nothing is cut silently."""
    queue, left_out = _state(subscription)["rests"], memory_of(subscription)
    for review in found:
        if left_out.covers_key(LIST, (review.node_id,), review.repository.node_id):
            continue
        if not review.are_comments_whole and is_covered(subscription, review.repository.visibility):
            submitted = moment(review.submitted_at) or ""
            place = f"{submitted} {file_kind(review.repository.visibility)}"
            _add_rest(queue, "review_comments", review.node_id, review.comments_cursor, place)
    now = moment(timezone.now()) or ""
    for node_id, cursor in more_reviews:
        _add_rest(queue, "reviews", node_id, cursor, now)


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


def read_withheld(subscription: Subscription) -> None:
    state = subscription.lists.get(LIST, {})
    if state.get("withheld"):
        state["rests"] += state.pop("withheld")


def _as_dict(rest: planner.Rest) -> dict[str, str]:
    return {name: getattr(rest, name) for name in planner.Rest.__slots__}


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
