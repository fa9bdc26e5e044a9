from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import planner
from sync.planner import (
    Again,
    ListStream,
    Page,
    ReadCalendar,
    ReadCommits,
    ReadLists,
    ReadReleases,
    ReadRepositories,
    ReadRest,
    ReadReviews,
    ReadTotals,
    Rest,
    Situation,
    Stream,
)
from sync.weeks import Week

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def stream(name: str = "R_1", **changes: object) -> Stream:
    facts: dict[str, object] = {
        "repository_id": name,
        "head_oid": f"head of {name}",
        "head_committed_at": NOW,
        "pinned_oid": "",
        "cursor": "",
        "is_read": False,
        "frontier": None,
        "said": None,
        "said_for_oid": "",
        "seen": 0,
    }
    return Stream(**(facts | changes))  # type: ignore[arg-type]


def told(name: str, total: int, **changes: object) -> Stream:
    return stream(name, said=total, said_for_oid=f"head of {name}", **changes)


def situation(*streams: Stream, cursor: str | None = None, **changes: object) -> Situation:
    return Situation(repositories_cursor=cursor, windows=[], streams=streams, **changes)  # type: ignore[arg-type]


# --- The order of requests ----------------------------------------------------------------------


def test_nothing_to_read_means_no_request() -> None:
    assert planner.next_request(situation()) is None


def test_the_list_of_repositories_comes_first() -> None:
    request = planner.next_request(situation(stream(), cursor="page 2"))
    assert request == ReadRepositories("page 2", 50)


def test_then_the_calendars_newest_first_three_years_at_a_time() -> None:
    windows = planner.calendar_windows(range(2015, 2027), NOW.date())
    request = planner.next_request(Situation(None, windows, [stream()]))
    assert isinstance(request, ReadCalendar)
    assert request.windows == (
        (date(2026, 1, 1), date(2026, 11, 23)),
        (date(2025, 1, 1), date(2025, 12, 31)),
        (date(2024, 1, 1), date(2024, 12, 31)),
    )


def test_few_moved_repositories_are_paged_without_asking_for_totals() -> None:
    request = planner.next_request(situation(*(stream(f"R_{n}") for n in range(10))))
    assert isinstance(request, ReadCommits)
    assert len(request.pages) == 10
    assert {page.size for page in request.pages} == {20}


def test_many_moved_repositories_are_asked_for_totals_25_at_a_time() -> None:
    request = planner.next_request(situation(*(stream(f"R_{n:02}") for n in range(40))))
    assert isinstance(request, ReadTotals)
    assert len(request.repository_ids) == 25


def test_a_request_asks_for_at_most_ten_repositories_and_200_commits() -> None:
    request = planner.next_request(situation(*(told(f"R_{n:02}", 1000) for n in range(40))))
    assert isinstance(request, ReadCommits)
    assert [page.size for page in request.pages] == [100, 100]
    request = planner.next_request(situation(*(told(f"R_{n:02}", 5) for n in range(40))))
    assert isinstance(request, ReadCommits)
    assert [page.size for page in request.pages] == [5] * 10


def test_the_newest_frontiers_are_read_first() -> None:
    old = told("R_old", 500, frontier=NOW - timedelta(days=900), cursor="c", pinned_oid="head of R_old")
    new = told("R_new", 500, frontier=NOW - timedelta(days=9), cursor="c", pinned_oid="head of R_new")
    untouched = told("R_quiet", 500, head_committed_at=NOW - timedelta(days=400))
    request = planner.next_request(situation(old, new, untouched))
    assert isinstance(request, ReadCommits)
    assert [page.repository_id for page in request.pages] == ["R_new", "R_quiet"]


def test_a_reading_goes_on_from_its_pinned_head_while_people_push() -> None:
    moved = stream(
        head_oid="newer", pinned_oid="older", cursor="older 99", said=300, said_for_oid="older", seen=100
    )
    request = planner.next_request(situation(moved))
    assert request == ReadCommits((Page("R_1", "older", "older 99", 100),))


def test_the_last_page_is_no_larger_than_what_is_missing() -> None:
    nearly = told("R_1", 130, seen=100, cursor="c", pinned_oid="head of R_1")
    request = planner.next_request(situation(nearly))
    assert isinstance(request, ReadCommits)
    assert request.pages[0].size == 30


def test_a_page_that_was_cut_is_asked_for_in_a_request_of_its_own() -> None:
    cut = told("R_cut", 500, again=Again("head of R_cut", "", is_alone=True))
    newer = told("R_new", 10, head_committed_at=NOW + timedelta(days=1))
    request = planner.next_request(situation(cut, newer))
    assert isinstance(request, ReadCommits)
    assert [page.repository_id for page in request.pages] == ["R_new"]
    older = told("R_old", 10, head_committed_at=NOW - timedelta(days=400))
    request = planner.next_request(situation(older, cut))
    assert isinstance(request, ReadCommits)
    assert [page.repository_id for page in request.pages] == ["R_cut"]


def test_only_a_page_withheld_twice_comes_without_statistics() -> None:
    once, twice = (told(f"R_{n}", 9, again=Again(f"head of R_{n}", "", withheld=n)) for n in (1, 2))
    elsewhere = told("R_3", 9, again=Again("head of R_3", "another page", is_alone=True, withheld=2))
    request = planner.next_request(situation(once, twice, elsewhere))
    assert isinstance(request, ReadCommits)
    pages = {page.repository_id: page.with_statistics for page in request.pages}
    assert pages == {"R_1": True, "R_2": False, "R_3": True}


def test_a_smaller_batch_is_respected() -> None:
    request = planner.next_request(situation(told("R_1", 500), told("R_2", 500), batch_sizes={"commits": 50}))
    assert isinstance(request, ReadCommits)
    assert sum(page.size for page in request.pages) == 50


@given(st.lists(st.integers(min_value=0, max_value=900), min_size=1, max_size=30))
def test_paging_ends_and_reads_every_commit_with_few_requests(totals: list[int]) -> None:
    """Simulates a whole backfill: whatever the totals, each commit is asked for exactly once."""
    seen, requests = dict.fromkeys(range(len(totals)), 0), 0
    while left := [n for n, total in enumerate(totals) if seen[n] < total]:
        streams = [
            told(f"R_{n}", totals[n], seen=seen[n], cursor="c", pinned_oid=f"head of R_{n}") for n in left
        ]
        request = planner.next_request(situation(*streams))
        assert isinstance(request, ReadCommits)
        for page in request.pages:
            seen[int(page.repository_id[2:])] += page.size
        requests += 1
    assert list(seen.values()) == totals
    assert requests <= sum(totals) / 100 + len(totals) / 10 + max(totals) / 100 + 2


# --- Passing weeks ----------------------------------------------------------------------------------


def test_a_week_is_passed_seven_days_after_its_monday_was_reached() -> None:
    week = Week.parse("2026-W18")
    assert not planner.is_passed(week, datetime(2026, 4, 20, tzinfo=UTC))
    assert planner.is_passed(week, datetime(2026, 4, 19, 23, 59, tzinfo=UTC))


def test_everything_is_passed_when_nothing_is_unread() -> None:
    assert planner.horizon(situation()) is None
    assert planner.is_passed(Week.parse("1970-W01"), None)


def test_nothing_is_passed_before_lists_and_calendars_are_known() -> None:
    assert not planner.is_passed(Week.of(NOW), planner.horizon(situation(cursor="")))
    unread_window = Situation(None, [(date(2020, 1, 1), date(2020, 12, 31))], [])
    assert not planner.is_passed(Week.of(NOW), planner.horizon(unread_window))


def test_the_stream_that_is_furthest_behind_decides() -> None:
    ahead = told("R_1", 9, frontier=NOW - timedelta(days=500), cursor="c")
    behind = told("R_2", 9, frontier=NOW - timedelta(days=30), cursor="c")
    assert planner.horizon(situation(ahead, behind)) == NOW - timedelta(days=30)


def test_a_repository_without_recent_commits_does_not_hold_recent_weeks_back() -> None:
    quiet = told("R_1", 9, head_committed_at=NOW - timedelta(days=700))
    assert planner.is_passed(Week.of(NOW), planner.horizon(situation(quiet)))


# --- Windows, days and batches ---------------------------------------------------------------------------


@pytest.mark.parametrize("day", [date(2026, 11, 23), date(2026, 11, 29), date(2026, 1, 1)])
def test_the_probe_begins_on_a_monday_14_to_20_days_back(day: date) -> None:
    since = planner.probe_since(day)
    assert since.weekday() == 0
    assert 14 <= (day - since).days <= 20


def test_windows_are_calendar_years_and_end_today() -> None:
    windows = planner.calendar_windows([2024, 2026, 2099], date(2026, 3, 1))
    assert windows == [(date(2026, 1, 1), date(2026, 3, 1)), (date(2024, 1, 1), date(2024, 12, 31))]


def test_a_window_is_cut_in_halves_that_meet() -> None:
    newer, older = planner.halves((date(2025, 1, 1), date(2025, 12, 31)))
    assert (older[0], newer[1]) == (date(2025, 1, 1), date(2025, 12, 31))
    assert newer[0] - older[1] == timedelta(days=1)


def test_a_week_is_not_cut_any_further() -> None:
    assert planner.halves((date(2025, 1, 6), date(2025, 1, 12))) == []


def test_days_without_contributions_are_told_as_zero() -> None:
    days = planner.all_days({date(2026, 5, 2): 3}, date(2026, 5, 1), date(2026, 5, 3))
    assert days == {"2026-05-01": 0, "2026-05-02": 3, "2026-05-03": 0}


def test_a_batch_is_halved_until_it_is_one() -> None:
    sizes: dict[str, int] = {}
    found = []
    while (reduced := planner.smaller(sizes, "commits")) is not None:
        sizes = reduced
        found.append(sizes["commits"])
    assert found == [100, 50, 25, 12, 6, 3, 1]


def test_twenty_quick_answers_raise_a_reduced_batch_by_half() -> None:
    sizes = {"commits": 100}
    for _ in range(20):
        assert sizes["commits"] == 100
        sizes = planner.larger(sizes, "commits", seconds=0.4)
    assert sizes["commits"] == 150


def test_slow_answers_and_full_batches_raise_nothing() -> None:
    assert planner.larger({"commits": 100}, "commits", seconds=3.5) == {"commits": 100}
    assert planner.larger({}, "commits", seconds=0.1) == {}


def test_a_batch_never_grows_beyond_what_github_answers() -> None:
    sizes = {"windows": 2, "windows_quick": 19}
    assert planner.larger(sizes, "windows", seconds=0.1)["windows"] == 3


# --- Lists, reviews, rests and releases ---

LISTS = (
    ListStream("issues", "c1", NOW - timedelta(days=40)),
    ListStream("comments", "c2", NOW - timedelta(days=3)),
)


def test_all_unfinished_lists_advance_in_one_request() -> None:
    request = planner.next_request(situation(lists=LISTS))
    assert request == ReadLists(LISTS, 100)


def test_the_group_that_is_furthest_behind_goes_first() -> None:
    old = told("R_1", 500, frontier=NOW - timedelta(days=300), cursor="c", pinned_oid="head of R_1")
    assert isinstance(planner.next_request(situation(old, lists=LISTS)), ReadLists)
    new = told("R_1", 500, frontier=NOW - timedelta(days=1), cursor="c", pinned_oid="head of R_1")
    assert isinstance(planner.next_request(situation(new, lists=LISTS)), ReadCommits)
    reviews = NOW - timedelta(hours=1)
    assert isinstance(planner.next_request(situation(new, lists=LISTS, reviews=reviews)), ReadReviews)


def test_a_list_that_was_never_read_is_behind_everything() -> None:
    fresh = ListStream("stars", None, None)
    new = told("R_1", 500, frontier=NOW, cursor="c", pinned_oid="head of R_1")
    assert isinstance(planner.next_request(situation(new, lists=[fresh])), ReadLists)


def test_what_belongs_to_a_record_that_was_read_comes_before_the_next_page() -> None:
    rest = Rest("review_comments", "PRR_1", "cursor", "2026-11-01T00:00:00Z", "public")
    assert planner.next_request(situation(lists=LISTS, rests=[rest])) == ReadRest(rest)


def test_releases_come_last_25_repositories_at_a_time() -> None:
    releases = [(f"R_{n}", "") for n in range(60)]
    assert isinstance(planner.next_request(situation(lists=LISTS, releases=releases)), ReadLists)
    request = planner.next_request(situation(releases=releases))
    assert isinstance(request, ReadReleases)
    assert len(request.repositories) == 25


def test_no_week_is_passed_before_lists_and_reviews_have_gone_beyond_it() -> None:
    assert planner.horizon(situation(lists=LISTS)) == NOW - timedelta(days=3)
    assert planner.horizon(situation(lists=LISTS, reviews=NOW)) == NOW
    rest = Rest("review_comments", "PRR_1", "cursor", "2026-11-22T00:00:00Z", "public")
    assert planner.horizon(situation(lists=LISTS, rests=[rest])) == datetime(2026, 11, 22, tzinfo=UTC)


def test_releases_hold_no_week_back() -> None:
    assert planner.horizon(situation(releases=[("R_1", "")])) is None
