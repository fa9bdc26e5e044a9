"""GitHub's own lists of what somebody did: issues, pull requests, comments, stars, gists, discussions.

Each list is read newest first and keeps its place in `Subscription.lists`:

    {"said": how many GitHub counts, "top": the first entries as the last probe saw them,
     "watermark": the newest moment of the last finished reading,
     "reading": {"cursor", "frontier", "newest"} while it is being read, else None}

Lists that GitHub orders by their last change tell of edits too; those it cannot order are read from their
end, by creation. A reading goes on to the end the first time, and later to the watermark, with some overlap
because clocks differ and entries that share a moment come in any order.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, cast

from github_client import ListItem, ListName, ListPage, ListRequest, Probe, PullRequest, Star
from sync import planner
from sync.collect import reviews
from sync.collect.collector import Collector
from sync.collect.github_records import list_entries
from sync.models import Subscription
from sync.staging import stage

# Which kind of record a list brings. Own pull requests also bring the member's reviews of them.
KIND_OF: dict[ListName, str] = {
    "issues": "issues",
    "pull_requests": "pull_requests",
    "comments": "comments",
    "commit_comments": "comments",
    "gist_comments": "comments",
    "discussion_comments": "comments",
    "stars": "stars",
    "gists": "gists",
    "discussions": "discussions",
}
# Read from the end, by creation: GitHub offers no order for them.
UNORDERED = {"commit_comments", "gist_comments", "discussion_comments"}
OVERLAP = timedelta(minutes=10)


def names_for(kinds: Iterable[str]) -> tuple[ListName, ...]:
    """The lists to ask for so that every agreed kind is complete."""
    wanted = set(kinds)
    if "reviews" in wanted:
        wanted.add("pull_requests")
    return tuple(name for name, kind in KIND_OF.items() if kind in wanted)


def unfinished(subscription: Subscription) -> list[planner.ListStream]:
    streams = []
    for name in names_for(subscription.kinds):
        reading = subscription.lists.get(name, {}).get("reading")
        if reading is not None:
            streams.append(planner.ListStream(name, reading["cursor"], _moment(reading["frontier"])))
    return streams


def note_probe(subscription: Subscription, answer: Probe) -> None:
    """Take what is new from the probe itself, and begin a reading where more is new than it shows."""
    for name, page in answer.lists.items():
        _note_top(subscription, name, page)


def _note_top(subscription: Subscription, name: ListName, page: ListPage) -> None:
    state = subscription.lists.setdefault(name, {"said": 0, "top": [], "watermark": None, "reading": None})
    top = [[_key(item), moment_of(name, item).isoformat()] for item in page.items]
    if state["top"] == top and state["said"] == page.total:
        return
    state["top"], state["said"] = top, page.total
    watermark = _moment(state["watermark"])
    new = [item for item in page.items if watermark is None or moment_of(name, item) >= watermark - OVERLAP]
    _stage(subscription, new)
    if state["reading"] is None:
        state["reading"] = {"cursor": None, "frontier": None, "newest": state["watermark"]}
        _advance(state, name, page)


def read_lists(collector: Collector, request: planner.ReadLists) -> None:
    subscription = collector.subscription
    asked = [
        ListRequest(
            cast(ListName, stream.name),
            stream.cursor,
            _page_size(stream.name, request.size),
            reviews.sizes(request.size),
        )
        for stream in request.lists
    ]
    pages = collector.github.fetch_lists(asked, subscription.github_login)
    with collector.recorded():
        for page in pages:
            state = subscription.lists[page.name]
            state["said"] = page.total
            _stage(subscription, page.items)
            _advance(state, page.name, page)
        subscription.save(update_fields=["lists"])


def _page_size(name: str, size: int) -> int:
    """Pull requests carry reviews and their comments: half as many of them are as heavy."""
    return max(size // 2, 1) if name == "pull_requests" else size


def _advance(state: dict[str, Any], name: ListName, page: ListPage) -> None:
    """Move the reading on by a page, or end it at the list's end or below the watermark."""
    reading, watermark = state["reading"], _moment(state["watermark"])
    moments = [moment_of(name, item) for item in page.items]
    known = _moment(reading["newest"])
    newest = max([*moments, *([known] if known else [])], default=None)
    reading["newest"] = newest.isoformat() if newest else None
    is_below = bool(moments) and watermark is not None and min(moments) < watermark - OVERLAP
    if not page.has_next or is_below:
        state["watermark"], state["reading"] = reading["newest"], None
        return
    reading["cursor"] = page.end_cursor
    if moments:
        reading["frontier"] = min(moments).isoformat()


def _stage(subscription: Subscription, items: Iterable[ListItem]) -> None:
    items = list(items)
    stage(subscription, list_entries(subscription, items))
    for item in items:
        if isinstance(item, PullRequest) and "reviews" in subscription.kinds:
            more = [(item.node_id, item.reviews_cursor)] if item.reviews_cursor else []
            reviews.note_rest(subscription, item.reviews, more)


def moment_of(name: ListName, item: ListItem) -> datetime:
    """What the list is ordered by: creation where GitHub has no order, else the last change."""
    if isinstance(item, Star):
        return item.starred_at
    return item.created_at if name in UNORDERED else item.updated_at


def _key(item: ListItem) -> str:
    return item.repository.node_id if isinstance(item, Star) else item.node_id


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
