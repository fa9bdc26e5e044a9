"""Commits: how far each repository's history has been read, totals, pages, and the REST fallback."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta

from github_client import Commit, CommitPage, CommitPageRequest, CommitTotal, Unreadable
from sync import planner
from sync.collect import census, releases
from sync.collect.agreement import added, agreement, count, same_weeks, tally, united, vanished
from sync.collect.collector import Collector
from sync.collect.github_records import commit_entry, file_kind
from sync.models import RepositoryState
from sync.records import KINDS, Entry, short_key
from sync.staging import stage
from sync.weeks import Week

# A reading's frontier is the newest of its last commits: one clock that was wrong does not move it.
FRONTIER_SAMPLE = 5
REST_CURSOR = "rest:"
# Where `RepositoryState.reading` tells that a page is to be asked for once more, and how.
AGAIN = "again"
# A commit is filed by its author date: mostly not long before it was committed.
AUTHORED_BEFORE = timedelta(weeks=8)


def read_totals(collector: Collector, request: planner.ReadTotals) -> None:
    subscription = collector.subscription
    answers = collector.github.fetch_commit_totals(request.repository_ids, subscription.github_node_id)
    with collector.recorded():
        states = {state.node_id: state for state in subscription.repositories.filter(is_read=False)}
        for answer in answers:
            state = states[answer.repository_id]
            match answer:
                case Unreadable():
                    stage(subscription, _mark_unreadable(state, answer.reason))
                case CommitTotal():
                    _take_total(state, answer)
            state.save()


def go_without_totals(collector: Collector, request: planner.ReadTotals) -> None:
    """GitHub gives up on counting a history: it is paged without knowing how long it is."""
    with collector.recorded():
        for state in collector.subscription.repositories.filter(node_id__in=request.repository_ids):
            state.said, state.said_for_oid = None, state.head_oid
            state.save(update_fields=["said", "said_for_oid"])


def go_without(collector: Collector, page: planner.Page) -> None:
    """GitHub gives up on every way to page a history: it is noted, and tried again with the next run."""
    with collector.recorded():
        state = collector.subscription.repositories.get(node_id=page.repository_id)
        stage(collector.subscription, _mark_unreadable(state, "too_heavy"))
        state.save()


def _mark_unreadable(state: RepositoryState, reason: str) -> list[tuple[str, Entry]]:
    """Return what is to be staged: a repository that is gone is missed among those the member made."""
    sentences = {
        "not_found": "not found on GitHub any more",
        "forbidden": "GitHub does not let us read it",
        "too_heavy": "GitHub takes too long to give us its history",
    }
    state.not_readable = sentences.get(reason, reason)
    _end_reading(state)
    # Should it become readable again, it is read from the top: this reading may have been in its middle.
    state.is_read, state.pinned_oid = True, ""
    made_at = state.details.get("created_at")
    if reason != "not_found" or made_at is None:
        return []
    week = str(Week.of(datetime.fromisoformat(made_at)))
    where = {"repository_id": [state.node_id]}
    return census.entries(
        state.subscription, "repositories_created", where, {}, lambda each, _held: each == week
    )


def _take_total(state: RepositoryState, answer: CommitTotal) -> None:
    """Where total and newest commit are what is held, a moved head brought nothing of the member's."""
    state.head_oid = answer.head_oid or ""
    state.said, state.said_for_oid = answer.total, state.head_oid
    if answer.total - _withheld(state) == state.held and (answer.newest_oid or "") == state.newest_oid:
        state.pinned_oid, state.is_read = state.head_oid, True
        _take_name(state, answer.name)


def _withheld(state: RepositoryState) -> int:
    """How many commits GitHub counts and does not give: without it such totals would never agree."""
    return int(state.reading.get("withheld", 0))


def _take_name(state: RepositoryState, name: str) -> None:
    """A repository that was transferred may be in no list any more; its history tells where it is.

    At the end of a reading, so that the commits of one reading bear one name.
    """
    if name and name.partition("/")[0] != state.name.partition("/")[0]:
        state.details = {fact: value for fact, value in state.details.items() if fact != "owner_id"}
    state.name = name or state.name


def read_commits(collector: Collector, request: planner.ReadCommits) -> None:
    asked = [
        CommitPageRequest(
            page.repository_id, page.head_oid, page.cursor or None, page.size, page.with_statistics
        )
        for page in request.pages
        if not page.cursor.startswith(REST_CURSOR)
    ]
    if not asked:
        read_commits_rest(collector, request.pages[0])
        return
    subscription = collector.subscription
    pages = collector.github.fetch_commit_pages(asked, subscription.github_node_id)
    with collector.recorded():
        states = {state.node_id: state for state in subscription.repositories.filter(is_read=False)}
        entries = [
            entry
            for page in pages
            for entry in _take_or_ask_again(
                states[page.request.repository_id], page, is_alone=len(pages) == 1
            )
        ]
        stage(subscription, entries)
        readable = [page.request.repository_id for page in pages if page.outcome == "read"]
        releases.note_readable(subscription, readable)


def _take_or_ask_again(
    state: RepositoryState, page: CommitPage, *, is_alone: bool
) -> list[tuple[str, Entry]]:
    """Either way something is kept of the answer, so that no question is asked twice for one that died."""
    again = _again(state, page, is_alone=is_alone)
    state.reading = {name: facts for name, facts in state.reading.items() if name != AGAIN}
    if again is None:
        return take_page(state, page)
    state.reading[AGAIN] = asdict(again)
    state.save()
    # What came with its statistics keeps them when the page comes without.
    known = page.commits if page.outcome == "statistics_unavailable" else ()
    return [_staged_commit(state, commit) for commit in known]


def _again(state: RepositoryState, page: CommitPage, *, is_alone: bool) -> planner.Again | None:
    """How the page is to be asked for once more; None where it can be taken.

    A commit whose lines GitHub cannot count comes as null; without the counts it comes whole.

    Of many histories in one answer GitHub was seen to cut some without a word, their totals as well. One with
    a total smaller than what is known is asked for again by itself, and then believed.
    """
    is_withheld = page.outcome == "statistics_unavailable"
    is_cut = page.outcome == "read" and not is_alone and page.total < _known_total(state)
    if not is_withheld and not is_cut:
        return None
    first = planner.Again(page.request.head_oid, page.request.cursor or "")
    known = planner.Again(**state.reading[AGAIN]) if AGAIN in state.reading else first
    before = known if known.is_of_same_page(first) else first
    return replace(before, is_alone=before.is_alone or is_cut, withheld=before.withheld + is_withheld)


def _known_total(state: RepositoryState) -> int:
    is_of_this_head = state.said is not None and state.said_for_oid in (state.head_oid, state.pinned_oid)
    return max(state.held, (state.said or 0) if is_of_this_head else 0)


def take_page(state: RepositoryState, page: CommitPage) -> list[tuple[str, Entry]]:
    """Move the repository's reading on by one page; return what is to be staged."""
    match page.outcome:
        case "not_found" | "forbidden":
            kept = _mark_unreadable(state, page.outcome)
        case "head_gone":
            # Pushed over while it was being read: the next probe brings the new head.
            _end_reading(state)
            state.head_oid = state.pinned_oid = ""
            state.is_read, kept = True, []
        case "empty":
            _end_reading(state)
            state.is_read, kept = True, []
        case _:
            state.said, state.said_for_oid = page.total, page.request.head_oid
            kept = _advance(
                state, page.request.head_oid, page.commits, page.end_cursor if page.has_next else None
            )
            if state.is_read:
                _take_name(state, page.repository)
    state.save()
    return kept


def _advance(
    state: RepositoryState, head_oid: str, commits: Sequence[Commit], next_cursor: str | None
) -> list[tuple[str, Entry]]:
    """Count what was seen; end the reading at its end, or where held and said agree. Return what is news."""
    if not state.cursor:
        _begin_reading(state, head_oid, commits)
    weeks = [str(Week.of(commit.committed_at)) for commit in commits]
    state.seen_by_week = added(
        state.seen_by_week, tally((week, commit.oid) for week, commit in zip(weeks, commits, strict=True))
    )
    state.reading["is_joined"] |= any(commit.oid == state.newest_oid for commit in commits)
    news = [_staged_commit(state, commit) for commit in commits]
    if state.held:
        _note_met(state, news)
    boundary = None
    if state.said is not None and state.said_for_oid == head_oid:
        boundary = agreement(
            state.held_by_week,
            state.seen_by_week,
            state.said - _withheld(state),
            is_joined=state.reading["is_joined"],
        )
    if next_cursor and boundary is None:
        if commits:
            last = max(commit.committed_at for commit in commits[-FRONTIER_SAMPLE:])
            state.frontier = min(state.frontier or last, last)
        state.cursor = next_cursor
        return news
    return _conclude(state, [*zip(weeks, news, strict=True)], boundary if next_cursor else None)


def _begin_reading(state: RepositoryState, head_oid: str, commits: Sequence[Commit]) -> None:
    state.pinned_oid, state.seen_by_week, state.frontier = head_oid, {}, None
    newest = commits[0].oid if commits else ""
    state.reading = {"newest": newest, "is_joined": False, "met": {}, "withheld": _withheld(state)}


def _note_met(state: RepositoryState, news: Sequence[tuple[str, Entry]]) -> None:
    for _, entry in news:
        key = short_key(KINDS["commits"], entry.data)
        state.reading["met"].setdefault(entry.week, []).append(key)


def _conclude(
    state: RepositoryState, news: Sequence[tuple[str, tuple[str, Entry]]], boundary: Week | None
) -> list[tuple[str, Entry]]:
    """The reading is over. Return the news after the boundary, and what may have gone from there.

    Weeks with the very commits that are held are no news: a repository that was only renamed changes no file.
    """
    limit, reading = str(boundary) if boundary else "", state.reading
    unchanged = same_weeks(state.held_by_week, state.seen_by_week) if boundary is None else set()
    gone = vanished(state.held_by_week, state.seen_by_week, boundary, is_joined=reading["is_joined"])
    state.held_by_week = united(state.held_by_week, state.seen_by_week, boundary)
    state.held = count(state.held_by_week)
    state.newest_oid = reading["newest"]
    if boundary is None and state.said is not None and state.said_for_oid == state.pinned_oid:
        state.reading = {**reading, "withheld": state.said - state.held}
    _end_reading(state)
    state.is_read = state.pinned_oid == state.head_oid
    found = [entry for week, entry in news if week > limit and week not in unchanged]
    return found + (_missing(state, gone, reading["met"], limit) if gone else [])


def _missing(
    state: RepositoryState, gone: Sequence[str], met: Mapping[str, Sequence[str]], after: str
) -> list[tuple[str, Entry]]:
    first = str(Week.of(Week.parse(gone[0]).starts_at - AUTHORED_BEFORE))
    last = str(Week.of(Week.parse(gone[-1]).starts_at + timedelta(weeks=1)))
    return census.entries(
        state.subscription,
        "commits",
        {"repository_id": [state.node_id]},
        met,
        lambda week, _held: week in met or first <= week <= last,
        after=after,
    )


def _end_reading(state: RepositoryState) -> None:
    withheld = _withheld(state)
    state.reading = {"withheld": withheld} if withheld else {}
    state.cursor, state.seen_by_week, state.frontier = "", {}, None


def _staged_commit(state: RepositoryState, commit: Commit) -> tuple[str, Entry]:
    return file_kind(state.visibility), commit_entry(state, commit)


def read_commits_rest(collector: Collector, page: planner.Page) -> None:
    """A history that GitHub cannot page by GraphQL even one commit at a time: without statistics.

    REST pages are numbered, so the first one may begin with commits that were seen already.
    """
    subscription = collector.subscription
    state = subscription.repositories.get(node_id=page.repository_id)
    seen = count(state.seen_by_week)
    number = int(page.cursor.removeprefix(REST_CURSOR)) if page.cursor.startswith(REST_CURSOR) else 0
    skip = 0 if number else seen % planner.PAGE_LIMIT
    number = number or seen // planner.PAGE_LIMIT + 1
    answer = collector.github.fetch_commit_page_rest(
        state.database_id or 0, subscription.github_login, page.head_oid, number, planner.PAGE_LIMIT
    )
    with collector.recorded():
        if answer.outcome != "read":
            stage(subscription, _mark_unreadable(state, answer.outcome))
            state.save()
            return
        following = f"{REST_CURSOR}{answer.next_page}" if answer.next_page else None
        kept = _advance(state, page.head_oid, answer.commits[skip:], following)
        state.save()
        stage(subscription, kept)
