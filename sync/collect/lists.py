"""GitHub's own lists of what somebody did: issues, pull requests, comments, stars, gists, discussions.

Each list is read newest first and keeps its place in `Subscription.lists`:

    {"said": how many GitHub counts,
     "top": a keyed digest of the first entries as the last probe saw them, whatever the choice covers,
     "watermark": the newest moment of the last finished reading,
     "counted": how many there were when all was read, and what is new since,
     "created": when the newest entry was made,
     "unreadable", "uncovered", "left_out": of those counted, how many GitHub withheld, how many the choice
         does not cover, and how many are in places that the member left out,
     "reading": while it is being read, else None:
         {"cursor", "frontier", "newest", "is_whole": to the list's end whatever the watermark,
          "seen": entries met, "new": made since the last reading,
          "unreadable", "uncovered", "left_out": as above, of what was met,
          "is_cut": GitHub said that it does not give all,
          "met", "outside": {week: [short keys]} of a list that is read again whole, records that the choice
          covers and others,
          "is_second": right after a whole reading that met too few}}

Lists that GitHub orders by their last change tell of edits too; those it cannot order are read from their
end, by creation. A reading goes on to the end the first time, and later to the watermark, with some overlap
because clocks differ and entries that share a moment come in any order.

Nothing tells of a deleted entry, or of old ones that came into view, but a total that does not follow: then
that list is read again whole, once, and held records that it no longer has are marked (census.py). What is
said and found then counts as explained, so totals that can never agree cause no further reading. Where GitHub
withheld entries, the list is read whole again once a month, and when the member agreed anew.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from django.utils.crypto import salted_hmac

from github_client import (
    Gist,
    ListItem,
    ListName,
    ListPage,
    ListRequest,
    Probe,
    PullRequest,
    Star,
    Unfinished,
)
from sync import planner
from sync.collect import census, reviews
from sync.collect.collector import Collector
from sync.collect.github_records import is_listed, list_entries, record_key
from sync.left_out import memory_of
from sync.models import Subscription
from sync.records import Entry, short
from sync.staging import stage
from sync.weeks import Week

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
# On what the comments of each list stand: one kind of record, several lists.
SUBJECTS: dict[str, list[str]] = {
    "comments": ["issue", "pull_request"],
    "commit_comments": ["commit"],
    "gist_comments": ["gist"],
    "discussion_comments": ["discussion"],
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
    state = subscription.lists.setdefault(name, {"said": 0, "top": "", "watermark": None, "reading": None})
    top = _digest([[_key(item), moment_of(name, item).isoformat()] for item in page.items])
    if state["top"] == top and state["said"] == page.total:
        return
    state["top"], state["said"] = top, page.total
    watermark = _moment(state["watermark"])
    new = [item for item in page.items if watermark is None or moment_of(name, item) >= watermark - OVERLAP]
    _stage(subscription, new)
    if state["reading"] is None:
        state["reading"] = _new_reading(state, is_whole=watermark is None)
        _advance(subscription, state, name, page)
    else:
        # What came on top of a reading under way; it will not meet these itself.
        _count(subscription, state, name, page.items, only_new=True)


def _digest(entries: list[list[str]]) -> str:
    """Equal for equal entries; it tells nobody else which, because some may be private."""
    return salted_hmac("sync.lists.top", json.dumps(entries), algorithm="sha256").hexdigest()


def read_withheld(subscription: Subscription) -> None:
    """Whole once more where GitHub withheld something: it may be readable by now."""
    for name in names_for(subscription.kinds):
        state = subscription.lists.get(name, {})
        if state.get("unreadable") or (state.get("reading") or {}).get("unreadable"):
            state["reading"] = _new_reading(state, is_whole=True)


def _new_reading(state: Mapping[str, Any], *, is_whole: bool, is_second: bool = False) -> dict[str, Any]:
    return {
        "cursor": None,
        "frontier": None,
        "newest": state["watermark"],
        "is_whole": is_whole,
        "is_second": is_second,
        "seen": 0,
        "unreadable": 0,
        "uncovered": 0,
        "left_out": 0,
        "is_cut": False,
        "new": 0,
        # What is not held yet cannot be missed.
        "met": {} if is_whole and state["watermark"] else None,
        "outside": {},
    }


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
            _advance(subscription, state, page.name, page)
        subscription.save(update_fields=["lists"])


def _page_size(name: str, size: int) -> int:
    """Pull requests carry reviews and their comments: half as many of them are as heavy."""
    return max(size // 2, 1) if name == "pull_requests" else size


def _advance(subscription: Subscription, state: dict[str, Any], name: ListName, page: ListPage) -> None:
    """Move the reading on by a page, or end it at the list's end or below the watermark."""
    reading, watermark = state["reading"], _moment(state["watermark"])
    moments = [moment_of(name, item) for item in page.items]
    known = _moment(reading["newest"])
    newest = max([*moments, *([known] if known else [])], default=None)
    reading["newest"] = newest.isoformat() if newest else None
    reading["seen"] += len(page.items)
    reading["unreadable"] += page.unreadable
    reading["is_cut"] = reading.get("is_cut", False) or page.is_over_limit
    _count(subscription, state, name, page.items, only_new=not reading["is_whole"])
    if reading["met"] is not None:
        _note_met(subscription, reading, name, page.items)
    is_below = bool(moments) and watermark is not None and min(moments) < watermark - OVERLAP
    if not page.has_next or (is_below and not reading["is_whole"]):
        _end_reading(subscription, state, name, page.total)
        return
    reading["cursor"] = page.end_cursor
    if moments:
        reading["frontier"] = min(moments).isoformat()


def _count(
    subscription: Subscription,
    state: dict[str, Any],
    name: ListName,
    items: Sequence[ListItem],
    *,
    only_new: bool,
) -> None:
    """How many were made after the newest one known; and how many become no record, and why."""
    reading, newest = state["reading"], _moment(state.get("created"))
    made = [created_of(item) for item in items]
    if made:
        state["created"] = max([*made, *([newest] if newest else [])]).isoformat()
    new = [item for item, moment in zip(items, made, strict=True) if newest is None or moment > newest]
    reading["new"] += len(new)
    for reason in _reasons_against(subscription, name, new if only_new else items):
        reading[reason] = reading.get(reason, 0) + 1


def _reasons_against(
    subscription: Subscription, name: ListName, items: Iterable[ListItem]
) -> Iterator[Literal["uncovered", "left_out"]]:
    """Of each item that becomes no record."""
    omissions, left_out = subscription.omissions, memory_of(subscription)
    for item in items:
        place = None if isinstance(item, Gist) else item.repository
        if not is_listed(subscription, item):
            yield "uncovered"
        elif left_out.covers_key(KIND_OF[name], record_key(item), place.node_id if place else None) or (
            place and omissions.covers(place.node_id, place.name, place.visibility, subscription.github_login)
        ):
            yield "left_out"


def _note_met(
    subscription: Subscription, reading: dict[str, Any], name: ListName, items: Iterable[ListItem]
) -> None:
    kind, left_out = KIND_OF[name], memory_of(subscription)
    for item in items:
        repository_id = item.repository.node_id if not isinstance(item, Gist) and item.repository else None
        is_out = left_out.covers_key(kind, record_key(item), repository_id)
        place = reading["met" if is_listed(subscription, item) and not is_out else "outside"]
        place.setdefault(str(Week.of(created_of(item))), []).append(short(record_key(item)))


def _end_reading(subscription: Subscription, state: dict[str, Any], name: ListName, total: int) -> None:
    """Where the totals do not follow from what was read, the list is read again whole, but only once."""
    reading = state["reading"]
    state["watermark"], state["reading"] = reading["newest"], None
    _note_reasons(state, reading)
    if reading["is_whole"]:
        state["counted"] = total
        if reading["seen"] + reading["unreadable"] < total:
            # Entries that moved to the top while the list was read: they are above the newest one it met.
            state["reading"] = _new_reading(state, is_whole=False, is_second=True)
        elif reading["met"] is not None and not (reading["unreadable"] or reading["is_cut"]):
            stage(subscription, _missing(subscription, name, reading))
        return
    expected = state.get("counted", total - reading["new"]) + reading["new"]
    state["counted"] = total
    if expected != total and not reading["is_second"]:
        state["reading"] = _new_reading(state, is_whole=True)


def _note_reasons(state: dict[str, Any], reading: Mapping[str, Any]) -> None:
    """A whole reading met all; another one meets anew what is new, and what was withheld perhaps again."""
    is_whole = reading["is_whole"]
    for reason in ("uncovered", "left_out"):
        state[reason] = (0 if is_whole else state.get(reason, 0)) + reading.get(reason, 0)
    state["unreadable"] = max(0 if is_whole else state.get("unreadable", 0), reading["unreadable"])


def _missing(
    subscription: Subscription, name: ListName, reading: Mapping[str, Any]
) -> list[tuple[str, Entry]]:
    met: dict[str, list[str]] = reading["met"]
    outside: dict[str, list[str]] = reading["outside"]
    return census.entries(
        subscription,
        KIND_OF[name],
        {"on": SUBJECTS[name]} if name in SUBJECTS else {},
        {week: [*met.get(week, ()), *outside.get(week, ())] for week in {*met, *outside}},
        lambda week, held: held > len(met.get(week, ())),
    )


def _stage(subscription: Subscription, items: Iterable[ListItem]) -> None:
    items = list(items)
    stage(subscription, list_entries(subscription, items))
    for item in items:
        if isinstance(item, PullRequest) and "reviews" in subscription.kinds:
            rest = Unfinished(item.node_id, item.repository, item.reviews_cursor)
            reviews.note_rest(subscription, item.reviews, () if item.are_reviews_whole else (rest,))


def moment_of(name: ListName, item: ListItem) -> datetime:
    """What the list is ordered by: creation where GitHub has no order, else the last change."""
    if isinstance(item, Star):
        return item.starred_at
    return item.created_at if name in UNORDERED else item.updated_at


def created_of(item: ListItem) -> datetime:
    return item.starred_at if isinstance(item, Star) else item.created_at


def _key(item: ListItem) -> str:
    return item.repository.node_id if isinstance(item, Star) else item.node_id


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
