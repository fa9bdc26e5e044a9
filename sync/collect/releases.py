"""Releases the member published, in repositories they can push to. GitHub has no list of them: asked weekly.

GitHub orders them by when they were created, and one may be published long after that: a draft, or one of an
old commit. So the first page alone tells of no news. A list longer than that is read to its end unless it is
as it was below the entry that was its first: then as many entries stand above it as its total has grown by.
A draft that is published changes neither: drafts are remembered, and asked for by their ids along with the
first page. Once a month every list is read to its end.

The place is kept in `Subscription.lists["releases"]`:

    {"checked_at", "queue": [[repository, cursor], ...],
     "withheld": repositories that could not be read when it was their turn,
     "held": {repository: {"total", "top": id of its first entry, "drafts": their ids} as it was last read},
     "reading": {repository: the same so far, and "passed": how many entries that is}}

A list that fits on a page is not in `held`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from github_client import ReleasePage, ReleaseRequest
from sync import planner, recurring
from sync.collect.collector import Collector
from sync.collect.github_records import release_entry
from sync.models import Subscription
from sync.staging import stage

LIST = "releases"
EVERY = timedelta(days=7)
# Releases of each repository; where GitHub gives up on few repositories, fewer of them.
PAGE = 20
# GitHub takes so many ids at once. Where there are more, the list is read to its end each time.
MOST_DRAFTS = 100
CAN_PUSH = ("ADMIN", "MAINTAIN", "WRITE")


def note_probe(subscription: Subscription, now: datetime, *, is_month: bool) -> None:
    """Once a week every repository the member can push to is put into the queue."""
    if LIST not in subscription.kinds:
        return
    state = subscription.lists.setdefault(LIST, {"checked_at": None, "queue": []})
    if is_month:
        state["held"] = {}
    if state["queue"] or not recurring.is_due(state["checked_at"], EVERY, now):
        return
    state.update(checked_at=now.isoformat(), queue=None, reading={})


def queue(subscription: Subscription) -> list[tuple[str, str]]:
    """Asked for only when the list of repositories is complete; it is made at the first look."""
    state = subscription.lists.get(LIST)
    if state is None or subscription.lists.get("repositories", {}).get("cursor") is not None:
        return []
    if state["queue"] is None:
        pushable = subscription.repositories.filter(is_fork=False, details__permission__in=CAN_PUSH)
        rows = list(pushable.order_by("pk").values_list("node_id", "not_readable"))
        state["queue"] = [[node_id, ""] for node_id, reason in rows if not reason]
        state["withheld"] = [node_id for node_id, reason in rows if reason]
    return [(node_id, cursor) for node_id, cursor in state["queue"]]


def note_readable(subscription: Subscription, node_ids: Iterable[str]) -> None:
    """Histories that could be read: where releases were withheld before, they are asked for now."""
    state = subscription.lists.get(LIST, {})
    back = [node_id for node_id in node_ids if node_id in state.get("withheld", ())]
    if not back:
        return
    state["withheld"] = [node_id for node_id in state["withheld"] if node_id not in back]
    if state["queue"] is not None:
        state["queue"] += [[node_id, ""] for node_id in back]
    subscription.save(update_fields=["lists"])


def read_releases(collector: Collector, request: planner.ReadReleases) -> None:
    subscription = collector.subscription
    held = subscription.lists[LIST].get("held", {})
    pages = collector.github.fetch_releases(
        [
            ReleaseRequest(node_id, cursor or None, () if cursor else _drafts(held.get(node_id)))
            for node_id, cursor in request.repositories
        ],
        min(PAGE, planner.batch(subscription.batch_sizes, LIST)),
    )
    with collector.recorded():
        state = subscription.lists[LIST]
        left = state["queue"][len(request.repositories) :]
        for page in pages:
            if not isinstance(page, ReleasePage):
                _withhold(state, [page.repository_id])
                continue
            _stage(subscription, page)
            if _goes_on(state, page):
                left.append([page.repository_id, page.end_cursor])
        state["queue"] = left
        subscription.save(update_fields=["lists"])


def go_without(collector: Collector, request: planner.ReadReleases) -> None:
    """GitHub gives up on the releases of a repository: asked for again when its history could be read."""
    with collector.recorded():
        state = collector.subscription.lists[LIST]
        _withhold(state, [node_id for node_id, _ in request.repositories])
        state["queue"] = state["queue"][len(request.repositories) :]
        collector.subscription.save(update_fields=["lists"])


def _withhold(state: dict[str, Any], node_ids: Sequence[str]) -> None:
    state["withheld"] = [*state.get("withheld", ()), *node_ids]
    for node_id in node_ids:
        state.get("reading", {}).pop(node_id, None)


def _stage(subscription: Subscription, page: ReleasePage) -> None:
    own = [release for release in page.releases if release.author_id == subscription.github_node_id]
    entries = [release_entry(subscription, release) for release in own]
    stage(subscription, [entry for entry in entries if entry is not None])


def _goes_on(state: dict[str, Any], page: ReleasePage) -> bool:
    """Note how far the list of a repository was read; whether it is to be read on."""
    node_id = page.repository_id
    held, reading = state.setdefault("held", {}), state.setdefault("reading", {})
    place = reading.pop(node_id, None) or _begun(page)
    place["drafts"] = sorted({*place["drafts"], *page.drafts})
    if page.has_next and page.end_cursor and not _is_known(held.get(node_id), place, page):
        reading[node_id] = {**place, "passed": place["passed"] + len(page.ids)}
        return True
    is_long = place.pop("passed") or page.has_next
    held.pop(node_id, None)
    if is_long and len(place["drafts"]) <= MOST_DRAFTS:
        held[node_id] = place
    return False


def _is_known(before: Mapping[str, Any] | None, place: Mapping[str, Any], page: ReleasePage) -> bool:
    """Whether the page comes to what was the first entry before, and all that is new stands above it."""
    if before is None or before["top"] is None or before["top"] not in page.ids:
        return False
    above: int = place["passed"] + page.ids.index(before["top"])
    return bool(place["total"] - before["total"] == above)


def _begun(page: ReleasePage) -> dict[str, Any]:
    return {"total": page.total, "top": page.ids[0] if page.ids else None, "drafts": [], "passed": 0}


def _drafts(held: Mapping[str, Any] | None) -> tuple[str, ...]:
    return tuple(held["drafts"]) if held else ()
