"""Commits: how far each repository's history has been read, totals, pages, and the REST fallback."""

from collections import Counter
from collections.abc import Mapping, Sequence

from github_client import Commit, CommitPage, CommitPageRequest, CommitTotal, Unreadable
from sync import planner
from sync.collect.collector import Collector
from sync.collect.github_records import commit_entry, file_kind
from sync.models import RepositoryState
from sync.records import Entry
from sync.staging import stage
from sync.weeks import Week

# A reading's frontier is the newest of its last commits: one clock that was wrong does not move it.
FRONTIER_SAMPLE = 5
REST_CURSOR = "rest:"


def read_totals(collector: Collector, request: planner.ReadTotals) -> None:
    subscription = collector.subscription
    answers = collector.github.fetch_commit_totals(request.repository_ids, subscription.github_node_id)
    with collector.recorded():
        states = {state.node_id: state for state in subscription.repositories.filter(is_read=False)}
        for answer in answers:
            state = states[answer.repository_id]
            match answer:
                case Unreadable():
                    _mark_unreadable(state, answer.reason)
                case CommitTotal():
                    _take_total(state, answer)
            state.save()


def _mark_unreadable(state: RepositoryState, reason: str) -> None:
    sentences = {"not_found": "not found on GitHub any more", "forbidden": "GitHub does not let us read it"}
    state.not_readable = sentences.get(reason, reason)
    _end_reading(state)
    state.is_read = True


def _take_total(state: RepositoryState, answer: CommitTotal) -> None:
    """Where the total is what is held, a moved head brought nothing of the member's."""
    state.head_oid = answer.head_oid or ""
    state.said, state.said_for_oid = answer.total, state.head_oid
    if answer.total == state.held:
        state.pinned_oid, state.is_read = state.head_oid, True


def read_commits(collector: Collector, request: planner.ReadCommits) -> None:
    asked = [
        CommitPageRequest(page.repository_id, page.head_oid, page.cursor or None, page.size)
        for page in request.pages
        if not page.cursor.startswith(REST_CURSOR)
    ]
    if not asked:
        read_commits_rest(collector, request.pages[0])
        return
    subscription = collector.subscription
    pages = list(collector.github.fetch_commit_pages(asked, subscription.github_node_id))
    pages = _reread_without_statistics(collector, pages)
    with collector.recorded():
        states = {state.node_id: state for state in subscription.repositories.filter(is_read=False)}
        entries = [entry for page in pages for entry in take_page(states[page.request.repository_id], page)]
        stage(subscription, entries)


def _reread_without_statistics(collector: Collector, pages: list[CommitPage]) -> list[CommitPage]:
    """A commit whose lines GitHub cannot count comes as null; without the counts it comes whole."""
    withheld = [page for page in pages if page.outcome == "statistics_unavailable"]
    if not withheld:
        return pages
    again = [
        CommitPageRequest(
            page.request.repository_id,
            page.request.head_oid,
            page.request.cursor,
            page.request.size,
            with_statistics=False,
        )
        for page in withheld
    ]
    bare = collector.github.fetch_commit_pages(again, collector.subscription.github_node_id)
    reread = {page.request.repository_id: page for page in bare}
    known = {commit.oid: commit for page in withheld for commit in page.commits}
    return [_with_known_statistics(reread.get(page.request.repository_id, page), known) for page in pages]


def _with_known_statistics(page: CommitPage, known: Mapping[str, Commit]) -> CommitPage:
    commits = tuple(known.get(commit.oid, commit) for commit in page.commits)
    return CommitPage(
        page.request,
        page.repository,
        page.total,
        commits,
        page.missing,
        page.end_cursor,
        page.has_next,
        page.outcome,
    )


def take_page(state: RepositoryState, page: CommitPage) -> list[tuple[str, Entry]]:
    """Move the repository's reading on by one page; return what is to be staged."""
    match page.outcome:
        case "not_found" | "forbidden":
            _mark_unreadable(state, page.outcome)
            kept: Sequence[Commit] = ()
        case "head_gone":
            # Pushed over while it was being read: the next probe brings the new head.
            _end_reading(state)
            state.head_oid = state.pinned_oid = ""
            state.is_read, kept = True, ()
        case "empty":
            _end_reading(state)
            state.is_read, kept = True, ()
        case _:
            state.said, state.said_for_oid = page.total, page.request.head_oid
            kept = _advance(
                state, page.request.head_oid, page.commits, page.end_cursor if page.has_next else None
            )
    state.save()
    return [_staged_commit(state, commit) for commit in kept]


def _advance(
    state: RepositoryState, head_oid: str, commits: Sequence[Commit], next_cursor: str | None
) -> Sequence[Commit]:
    """Count what was seen; end the reading at its end, or where held and said agree. Return what is news."""
    if not state.cursor:
        state.pinned_oid, state.seen_by_week, state.frontier = head_oid, {}, None
    weeks = [str(Week.of(commit.committed_at)) for commit in commits]
    state.seen_by_week = dict(Counter(state.seen_by_week) + Counter(weeks))
    boundary = None
    if state.said is not None and state.said_for_oid == head_oid:
        boundary = planner.agreement(state.held_by_week, state.seen_by_week, state.said)
    if next_cursor and boundary is None:
        last = max(commit.committed_at for commit in commits[-FRONTIER_SAMPLE:])
        state.frontier = min(state.frontier or last, last)
        state.cursor = next_cursor
        return commits
    state.held_by_week = planner.united_counts(
        state.held_by_week, state.seen_by_week, boundary if next_cursor else None
    )
    state.held = sum(state.held_by_week.values())
    _end_reading(state)
    state.is_read = state.pinned_oid == state.head_oid
    if boundary is None:
        return commits
    return [commit for commit, week in zip(commits, weeks, strict=True) if week > str(boundary)]


def _end_reading(state: RepositoryState) -> None:
    state.cursor, state.seen_by_week, state.frontier = "", {}, None


def _staged_commit(state: RepositoryState, commit: Commit) -> tuple[str, Entry]:
    return file_kind(state.visibility), commit_entry(state, commit)


def read_commits_rest(collector: Collector, page: planner.Page) -> None:
    """A history that GitHub cannot page by GraphQL even one commit at a time: without statistics.

    REST pages are numbered, so the first one may begin with commits that were seen already.
    """
    subscription = collector.subscription
    state = subscription.repositories.get(node_id=page.repository_id)
    seen = sum(state.seen_by_week.values())
    number = int(page.cursor.removeprefix(REST_CURSOR)) if page.cursor.startswith(REST_CURSOR) else 0
    skip = 0 if number else seen % planner.PAGE_LIMIT
    number = number or seen // planner.PAGE_LIMIT + 1
    answer = collector.github.fetch_commit_page_rest(
        state.database_id or 0, subscription.github_login, page.head_oid, number, planner.PAGE_LIMIT
    )
    with collector.recorded():
        if answer.outcome != "read":
            _mark_unreadable(state, answer.outcome)
            state.save()
            return
        following = f"{REST_CURSOR}{answer.next_page}" if answer.next_page else None
        kept = _advance(state, page.head_oid, answer.commits[skip:], following)
        state.save()
        stage(subscription, [_staged_commit(state, commit) for commit in kept])
