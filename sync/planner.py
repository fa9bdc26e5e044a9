"""Streams and what is known of them -> what the next request asks. Pure.

Requests go out in this order: the list of repositories, the contribution calendars, totals where many
repositories moved; then all streams are read back in time together, newest frontier first: commit pages of
up to ten repositories, or all of GitHub's lists at once, or reviews. So the present is held first, and no
request is ever made per week or per record. Releases have no order across repositories and come last, once
a week. When all records are read, GPS tracks follow: trees that changed, then files (`tracking/`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from sync.weeks import Week

# What one request may ask for, at the most (GitHub answers within 10 s or not at all).
LARGEST_BATCH: Mapping[str, int] = {
    "commits": 200,
    "windows": 3,
    "repositories": 50,
    "totals": 25,
    "lists": 100,
    "reviews": 50,
    "releases": 25,
    "files": 20,
}
PAGE_LIMIT = 100
COMMIT_ALIASES = 10
# A repository whose total is not known yet is asked for a page between these sizes.
SMALLEST_FIRST_PAGE = 20
# Up to so many moved repositories are paged at once: their pages tell the totals as well.
PAGES_WITHOUT_TOTALS = 10
# Committers' clocks differ, and a merge can bring commits a little older than its neighbours.
PASSING_MARGIN = timedelta(days=7)
# Years of one calendar year or shorter; a window is cut in halves down to this when GitHub lists too few.
SHORTEST_WINDOW = timedelta(days=7)
PROBE_WEEKS = 2
# So often in a row is the smallest request tried, with longer and longer waits between.
MOST_TRIES = 5


@dataclass(frozen=True, slots=True)
class Again:
    """A page of a history that was answered and could not be taken: how it is asked for once more.

    `is_alone`: in a request of its own. `withheld`: so often commits of it came as null, because GitHub could
    not count their lines: mostly it is about one commit, for good, but not always, so once more with them.
    """

    head_oid: str
    cursor: str
    is_alone: bool = False
    withheld: int = 0

    @property
    def with_statistics(self) -> bool:
        return self.withheld < 2

    def is_of_same_page(self, other: "Again") -> bool:
        return (self.head_oid, self.cursor) == (other.head_oid, other.cursor)


@dataclass(frozen=True, slots=True)
class Stream:
    """The history of one repository as far as it has been read, see `models.RepositoryState`."""

    repository_id: str
    head_oid: str
    head_committed_at: datetime | None
    pinned_oid: str
    cursor: str
    is_read: bool
    frontier: datetime | None
    said: int | None
    said_for_oid: str
    seen: int
    again: Again | None = None

    @property
    def next_page(self) -> Again:
        """How its next page is to be asked for."""
        first = Again(self.reading_oid, self.cursor)
        return self.again if self.again and self.again.is_of_same_page(first) else first

    @property
    def is_begun(self) -> bool:
        """Whether a reading is under way; it is finished before a newer head is looked at."""
        return bool(self.cursor)

    @property
    def reading_oid(self) -> str:
        """The head whose history is paged: the pinned one until it has been read to its end."""
        return self.pinned_oid if self.cursor else self.head_oid

    @property
    def newest_unread(self) -> datetime:
        """No unread commit of this stream was committed after this moment, as far as is known."""
        return self.frontier or self.head_committed_at or datetime.max.replace(tzinfo=UTC)

    @property
    def remaining(self) -> int | None:
        """How many commits are still to be paged; None where GitHub has not said."""
        if self.said is None or self.said_for_oid != self.reading_oid:
            return None
        return max(self.said - self.seen, 1)


@dataclass(frozen=True, slots=True)
class ListStream:
    """One of GitHub's lists that is being read, newest first, see `collect_lists`."""

    name: str
    cursor: str | None
    frontier: datetime | None

    @property
    def newest_unread(self) -> datetime:
        return self.frontier or datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rest:
    """What a nested list holds beyond what came with its parent: paged by the parent's node id.

    `moment` is that of the record it belongs to, as ISO 8601 text, and `file` the kind of file it stands in.
    """

    kind: str
    node_id: str
    cursor: str
    moment: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of one repository's history."""

    repository_id: str
    head_oid: str
    cursor: str
    size: int
    with_statistics: bool = True


@dataclass(frozen=True, slots=True)
class ReadRepositories:
    after: str
    size: int


@dataclass(frozen=True, slots=True)
class ReadCalendar:
    windows: tuple[tuple[date, date], ...]


@dataclass(frozen=True, slots=True)
class ReadTotals:
    repository_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReadCommits:
    pages: tuple[Page, ...]


@dataclass(frozen=True, slots=True)
class ReadLists:
    """All unfinished lists in one request; `size` is the page of each."""

    lists: tuple[ListStream, ...]
    size: int


@dataclass(frozen=True, slots=True)
class ReadReviews:
    size: int


@dataclass(frozen=True, slots=True)
class ReadRest:
    rest: Rest


@dataclass(frozen=True, slots=True)
class ReadReleases:
    """Repository node ids with the cursor to go on from, "" for the first page."""

    repositories: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ReadTree:
    """A repository's tree `root`, or the part of it that lies in `folder` and has the oid `oid`."""

    repository_pk: int
    database_id: int
    root: str
    folder: str
    oid: str
    is_recursive: bool


@dataclass(frozen=True, slots=True)
class FileWanted:
    place_pk: int
    with_text: bool


@dataclass(frozen=True, slots=True)
class ReadFiles:
    """Texts of files that may hold tracks, and the commits that last changed them."""

    files: tuple[FileWanted, ...]


@dataclass(frozen=True, slots=True)
class ReadBlob:
    """The bytes of one such file."""

    place_pk: int


TrackRequest = ReadTree | ReadFiles | ReadBlob
Request = (
    ReadRepositories
    | ReadCalendar
    | ReadTotals
    | ReadCommits
    | ReadLists
    | ReadReviews
    | ReadRest
    | ReadReleases
    | TrackRequest
)


@dataclass(frozen=True, slots=True)
class Situation:
    """All that decides about the next request. Streams and lists are those not read to their end.

    `reviews` is the frontier of the search for reviews while it is being read, else None.
    """

    repositories_cursor: str | None
    windows: Sequence[tuple[date, date]]
    streams: Sequence[Stream]
    batch_sizes: Mapping[str, int] = field(default_factory=dict)
    lists: Sequence[ListStream] = ()
    reviews: datetime | None = None
    rests: Sequence[Rest] = ()
    releases: Sequence[tuple[str, str]] = ()

    def batch(self, kind: str) -> int:
        return batch(self.batch_sizes, kind)


def next_request(situation: Situation) -> Request | None:
    """What to ask next, or None when everything has been read."""
    if situation.repositories_cursor is not None:
        return ReadRepositories(situation.repositories_cursor, situation.batch("repositories"))
    if situation.windows:
        return ReadCalendar(tuple(situation.windows[: situation.batch("windows")]))
    unknown = _without_total(situation.streams)
    if unknown:
        return ReadTotals(tuple(stream.repository_id for stream in unknown[: situation.batch("totals")]))
    return _next_of_streams(situation)


def _next_of_streams(situation: Situation) -> Request | None:
    """The group with the newest frontier goes on; what belongs to a record that was read comes first."""
    if situation.rests:
        return ReadRest(situation.rests[0])
    frontiers = {
        "commits": max((stream.newest_unread for stream in situation.streams), default=None),
        "lists": max((stream.newest_unread for stream in situation.lists), default=None),
        "reviews": situation.reviews,
    }
    unread = {group: frontier for group, frontier in frontiers.items() if frontier is not None}
    if not unread:
        releases = tuple(situation.releases[: situation.batch("releases")])
        return ReadReleases(releases) if releases else None
    group = max(unread, key=lambda name: (unread[name], name))
    if group == "lists":
        return ReadLists(tuple(situation.lists), situation.batch("lists"))
    if group == "reviews":
        return ReadReviews(situation.batch("reviews"))
    return ReadCommits(pack_pages(situation.streams, situation.batch("commits")))


def _newest_first(streams: Iterable[Stream]) -> list[Stream]:
    return sorted(streams, key=lambda stream: (stream.newest_unread, stream.repository_id), reverse=True)


def _without_total(streams: Iterable[Stream]) -> list[Stream]:
    """Streams whose total should be asked first: cheaper than their pages once there are many of them."""
    unknown = [stream for stream in streams if not stream.is_begun and stream.said_for_oid != stream.head_oid]
    return _newest_first(unknown) if len(unknown) > PAGES_WITHOUT_TOTALS else []


def pack_pages(streams: Iterable[Stream], commits: int) -> tuple[Page, ...]:
    """Pages for one request: newest frontiers first, up to `commits` commits and 10 repositories."""
    ordered = _newest_first(streams)
    if ordered and ordered[0].next_page.is_alone:
        ordered = ordered[:1]
    else:
        ordered = [stream for stream in ordered if not stream.next_page.is_alone]
    first_page = min(PAGE_LIMIT, max(SMALLEST_FIRST_PAGE, commits // max(len(ordered), 1)), commits)
    pages: list[Page] = []
    left = commits
    for stream in ordered:
        wanted = first_page if stream.remaining is None else min(stream.remaining, PAGE_LIMIT)
        size = min(wanted, left)
        if size <= 0 or len(pages) == COMMIT_ALIASES:
            break
        with_statistics = stream.next_page.with_statistics
        pages.append(Page(stream.repository_id, stream.reading_oid, stream.cursor, size, with_statistics))
        left -= size
    return tuple(pages)


def horizon(situation: Situation) -> datetime | None:
    """The newest moment that may still hold something unread, or None when all has been read."""
    if situation.repositories_cursor is not None or situation.windows or _without_total(situation.streams):
        return datetime.max.replace(tzinfo=UTC)
    frontiers = [stream.newest_unread for stream in situation.streams]
    frontiers += [stream.newest_unread for stream in situation.lists]
    frontiers += [datetime.fromisoformat(rest.moment) for rest in situation.rests]
    frontiers += [situation.reviews] if situation.reviews else []
    return max(frontiers, default=None)


def is_passed(week: Week, until: datetime | None) -> bool:
    """Whether all streams have been read back beyond the week, with a margin for late committers."""
    return until is None or until < week.starts_at - PASSING_MARGIN


# --- The probe and the calendars ------------------------------------------------------------------


def probe_since(today: date) -> date:
    """The Monday 14 to 20 days back: fixed within a week, so that answers can be compared."""
    return Week.of(today).starts_on - timedelta(weeks=PROBE_WEEKS)


def calendar_windows(years: Iterable[int], today: date) -> list[tuple[date, date]]:
    """One window a calendar year, newest first, none beyond today."""
    return [
        (date(year, 1, 1), min(date(year, 12, 31), today))
        for year in sorted(set(years), reverse=True)
        if year <= today.year
    ]


def halves(window: tuple[date, date]) -> list[tuple[date, date]]:
    """The window's newer and older half, or nothing when it is too short to be cut."""
    since, until = window
    if until - since < SHORTEST_WINDOW:
        return []
    middle = since + (until - since) / 2
    return [(middle + timedelta(days=1), until), (since, middle)]


def all_days(days: Mapping[date, int], since: date, until: date) -> dict[str, int]:
    """Every day of the window with its count, zeros included, so that a vanished count is noticed."""
    span = (until - since).days + 1
    window = [since + timedelta(days=offset) for offset in range(span)]
    return {day.isoformat(): days.get(day, 0) for day in window}


# --- Batch sizes ----------------------------------------------------------------------------------


def batch(batch_sizes: Mapping[str, int], kind: str) -> int:
    return batch_sizes.get(kind, LARGEST_BATCH[kind])


def smaller(batch_sizes: Mapping[str, int], kind: str) -> dict[str, int] | None:
    """Half the batch after GitHub gave up on a request; None when it is as small as can be."""
    size = batch_sizes.get(kind, LARGEST_BATCH.get(kind, 1))
    if size <= 1:
        return None
    return {**batch_sizes, kind: size // 2, f"{kind}_quick": 0}


def larger(batch_sizes: Mapping[str, int], kind: str, seconds: float) -> dict[str, int]:
    """Half as much again after 20 quick answers (under 3 s) with a reduced batch."""
    batch_sizes = answered(batch_sizes, kind)
    size = batch_sizes.get(kind)
    if size is None or size >= LARGEST_BATCH[kind] or seconds >= 3:
        return dict(batch_sizes)
    quick = batch_sizes.get(f"{kind}_quick", 0) + 1
    if quick < 20:
        return {**batch_sizes, f"{kind}_quick": quick}
    return {**batch_sizes, kind: min(size + max(size // 2, 1), LARGEST_BATCH[kind]), f"{kind}_quick": 0}


def given_up(batch_sizes: Mapping[str, int], kind: str) -> tuple[dict[str, int], bool]:
    """One more time that GitHub gave up on the smallest request; and whether that was the last try."""
    tries = batch_sizes.get(f"{kind}_given_up", 0) + 1
    if tries >= MOST_TRIES:
        return answered(batch_sizes, kind), True
    return {**batch_sizes, f"{kind}_given_up": tries}, False


def answered(batch_sizes: Mapping[str, int], kind: str) -> dict[str, int]:
    return {name: number for name, number in batch_sizes.items() if name != f"{kind}_given_up"}


def kind_of(request: Request) -> str:
    return {
        ReadRepositories: "repositories",
        ReadCalendar: "windows",
        ReadTotals: "totals",
        ReadCommits: "commits",
        ReadLists: "lists",
        ReadReviews: "reviews",
        ReadRest: "rest",
        ReadReleases: "releases",
        ReadTree: "tree",
        ReadFiles: "files",
        ReadBlob: "blob",
    }[type(request)]
