"""Releases the member published, in repositories they can push to. GitHub has no list of them: asked weekly.

The place is kept in `Subscription.lists["releases"]`:

    {"checked_at", "since", "queue": [[repository, cursor], ...],
     "withheld": repositories that could not be read when it was their turn,
     "whole": those whose releases are read to their end, because access came back}
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from github_client import ReleasePage
from sync import planner
from sync.collect.collector import Collector
from sync.collect.github_records import release_entry
from sync.models import Subscription
from sync.staging import stage

LIST = "releases"
EVERY = timedelta(days=7)
OVERLAP = timedelta(minutes=10)
# Releases of each repository; where GitHub gives up on few repositories, fewer of them.
PAGE = 20
CAN_PUSH = ("ADMIN", "MAINTAIN", "WRITE")


def note_probe(subscription: Subscription, now: datetime) -> None:
    """Once a week every repository the member can push to is put into the queue."""
    if LIST not in subscription.kinds:
        return
    state = subscription.lists.setdefault(LIST, {"checked_at": None, "since": None, "queue": []})
    checked_at = state["checked_at"]
    if state["queue"] or (checked_at and datetime.fromisoformat(checked_at) > now - EVERY):
        return
    state.update(since=checked_at, checked_at=now.isoformat(), queue=None)


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
    state["whole"] = [*state.get("whole", ()), *back]
    if state["queue"] is not None:
        state["queue"] += [[node_id, ""] for node_id in back]
    subscription.save(update_fields=["lists"])


def read_releases(collector: Collector, request: planner.ReadReleases) -> None:
    subscription = collector.subscription
    pages = collector.github.fetch_releases(
        [(node_id, cursor or None) for node_id, cursor in request.repositories],
        min(PAGE, planner.batch(subscription.batch_sizes, LIST)),
    )
    with collector.recorded():
        state = subscription.lists[LIST]
        left = state["queue"][len(request.repositories) :]
        for page in pages:
            if not isinstance(page, ReleasePage):
                state["withheld"] = [*state.get("withheld", ()), page.repository_id]
                continue
            _stage(subscription, page)
            since = None if page.repository_id in state.get("whole", ()) else state["since"]
            if page.has_next and page.end_cursor and not _is_known(since, page):
                left.append([page.repository_id, page.end_cursor])
        state["queue"] = left
        if not left:
            state["whole"] = []
        subscription.save(update_fields=["lists"])


def go_without(collector: Collector, request: planner.ReadReleases) -> None:
    """GitHub gives up on the releases of a repository: asked for again when its history could be read."""
    with collector.recorded():
        state = collector.subscription.lists[LIST]
        state["withheld"] = [*state.get("withheld", ()), *(node_id for node_id, _ in request.repositories)]
        state["queue"] = state["queue"][len(request.repositories) :]
        collector.subscription.save(update_fields=["lists"])


def _stage(subscription: Subscription, page: ReleasePage) -> None:
    own = [release for release in page.releases if release.author_id == subscription.github_node_id]
    entries = [release_entry(subscription, release) for release in own]
    stage(subscription, [entry for entry in entries if entry is not None])


def _is_known(since: str | None, page: ReleasePage) -> bool:
    """Whether the page reaches back before the last look."""
    if since is None or not page.releases:
        return False
    return page.releases[-1].published_at < datetime.fromisoformat(since) - OVERLAP
