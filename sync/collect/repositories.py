"""Which repositories there are, and which of them have something new to read."""

from collections.abc import Iterable, Sequence
from typing import Any

from github_client import Contributions, Probe, Repository, RepositoryPage
from sync import planner
from sync.collect.collector import Collector
from sync.collect.github_records import is_covered, repository_created
from sync.left_out import memory_of
from sync.models import RepositoryState, Subscription
from sync.staging import stage

LIST = "repositories"
# Owners of private repositories that are not ticked.
OWNERS = "organizations"


def note_probe(subscription: Subscription, answer: Probe) -> None:
    """The list is read on while its last repository is news, or when its length changed.

    A list that became shorter is read whole, and what it no longer has is asked for by its id.
    """
    page = answer.repositories
    contributed = [repository for repository, _ in answer.contributions.repositories]
    news = note_repositories(subscription, [*page.repositories, *contributed])
    known = subscription.lists.get(LIST, {})
    is_end_news = bool(page.repositories) and page.repositories[-1].node_id in news
    goes_on = page.has_next and (is_end_news or known.get("total") != page.total)
    unfinished = known.get("cursor") is not None
    is_shorter = page.total < known.get("total", 0)
    state = {
        "total": page.total,
        "cursor": page.end_cursor if goes_on or (page.has_next and unfinished) else None,
        "met": _held(subscription, contributed) if is_shorter else known.get("met"),
    }
    _note_met(subscription, state, page)
    subscription.lists[LIST] = state


def read_repositories(collector: Collector, request: planner.ReadRepositories) -> None:
    page = collector.github.fetch_repositories(request.after or None, request.size)
    subscription = collector.subscription
    with collector.recorded():
        note_repositories(subscription, page.repositories)
        state = {
            "total": page.total,
            "cursor": page.end_cursor if page.has_next else None,
            "met": subscription.lists[LIST].get("met"),
        }
        _note_met(subscription, state, page)
        subscription.lists[LIST] = state
        subscription.save(update_fields=["lists"])


def _note_met(subscription: Subscription, state: dict[str, Any], page: RepositoryPage) -> None:
    """At the end of a list that became shorter, those it did not have are to be asked for by their id."""
    if state["met"] is None:
        return
    state["met"] += _held(subscription, page.repositories)
    if state["cursor"] is None:
        suspects = subscription.repositories.filter(is_fork=False, not_readable="", cursor="")
        suspects = suspects.exclude(node_id__in=state["met"]).exclude(head_oid="")
        suspects.update(is_read=False, said_for_oid="")
        state["met"] = None


def _held(subscription: Subscription, repositories: Iterable[Repository]) -> list[str]:
    """Of others nothing is noted: the choice may not cover them."""
    listed = [repository.node_id for repository in repositories]
    return list(subscription.repositories.filter(node_id__in=listed).values_list("node_id", flat=True))


def note_contributed(subscription: Subscription, answers: Iterable[Contributions]) -> None:
    """Repositories contributed to that no list names, and those the member made.

    Windows that follow each other name mostly the same ones: each is looked up once.
    """
    answers = list(answers)
    named = {each.node_id: each for answer in answers for each, _ in answer.repositories}
    note_repositories(subscription, list(named.values()))
    for answer in answers:
        stage_created(subscription, answer.created)


def note_repositories(subscription: Subscription, repositories: Sequence[Repository]) -> set[str]:
    """Keep what GitHub says of repositories; return the node ids of those that are new or have moved.

    What the choice does not cover (private, internal or of unknown visibility, left out by name) is not even
    noted.
    """
    omissions = subscription.omissions
    named = {repository.node_id for repository in repositories}
    known = subscription.repositories.filter(node_id__in=named)
    known = known.defer("held_by_week", "seen_by_week", "reading", "tree_walk", "tracks_left_out")
    states = {state.node_id: state for state in known}
    news: set[str] = set()
    made: list[Repository] = []
    left_out = memory_of(subscription)
    for repository in repositories:
        if left_out.covers_repository(repository.node_id) or omissions.covers_repository(
            repository.node_id, repository.name
        ):
            continue
        is_own = repository.owner_id == subscription.github_node_id
        if not is_own and omissions.is_unticked(
            repository.name, repository.visibility, subscription.github_login
        ):
            _note_owner(subscription, repository)
            continue
        if not is_covered(subscription, repository.visibility):
            _leave_out(states.get(repository.node_id))
            continue
        state = states.get(repository.node_id)
        is_back = state is not None and bool(state.not_readable)
        if state is None:
            state = RepositoryState(subscription=subscription, node_id=repository.node_id)
            states[repository.node_id] = state
        if (state.pk is None or is_back) and repository.owner_id == subscription.github_node_id:
            made.append(repository)
        if _take_repository(state, repository):
            news.add(repository.node_id)
    stage_created(subscription, made)
    return news


def stage_created(subscription: Subscription, repositories: Sequence[Repository]) -> None:
    entries = [repository_created(subscription, repository) for repository in repositories]
    stage(subscription, [entry for entry in entries if entry is not None])


def _note_owner(subscription: Subscription, repository: Repository) -> None:
    """Of what was not ticked only the owner is kept, for the page on which it can be."""
    if is_covered(subscription, repository.visibility):
        known = subscription.lists.get(OWNERS, [])
        subscription.lists[OWNERS] = sorted({*known, repository.name.partition("/")[0]})


def _leave_out(state: RepositoryState | None) -> None:
    if state is not None and not state.not_readable:
        state.not_readable = "not public any more, and private repositories are not part of your choice"
        state.is_read = True
        state.save()


def _take_repository(state: RepositoryState, repository: Repository) -> bool:
    """Update one row from GitHub's word; True when its history has something new to read."""
    head = repository.head_oid or ""
    before = _facts(state)
    is_news = state.pk is None or state.head_oid != head
    state.database_id = repository.database_id
    state.name = repository.name
    state.visibility = "private" if repository.visibility == "unknown" else repository.visibility
    state.is_fork = repository.is_fork
    state.head_oid = head
    state.tree_oid = repository.tree_oid or ""
    state.head_committed_at = repository.head_committed_at
    state.not_readable = ""
    state.details = _details(repository)
    # Histories of forks are not read: their commits do not count as contributions.
    has_history = bool(head) and not repository.is_fork
    state.is_read = not state.cursor and (not has_history or state.pinned_oid == head)
    if state.pk is None or before != _facts(state):
        state.save()
    return is_news


def _facts(state: RepositoryState) -> tuple[object, ...]:
    return (
        state.name,
        state.visibility,
        state.head_oid,
        state.tree_oid,
        state.not_readable,
        state.is_fork,
        state.details,
    )


def _details(repository: Repository) -> dict[str, object]:
    """What `github-profile.json` says of a repository beyond its name."""
    return {
        "owner_id": repository.owner_id,
        "permission": repository.permission,
        "language": repository.primary_language,
        "is_archived": repository.is_archived,
        "stars": repository.stars,
        "forks": repository.forks,
        "created_at": repository.created_at.isoformat() if repository.created_at else None,
    }
