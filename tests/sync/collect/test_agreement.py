from hashlib import sha1

from hypothesis import given
from hypothesis import strategies as st

from sync.collect.agreement import added, agreement, count, same_weeks, tally, united, vanished
from sync.weeks import Week

Commits = list[tuple[str, str]]
WEEKS = [str(Week.parse(f"2026-W{n:02}")) for n in range(1, 13)]


def commits(**weeks: int) -> Commits:
    """`W01=2` are the commits "W01 0" and "W01 1" of 2026-W01."""
    return [(f"2026-{week}", oid(f"{week} {n}")) for week, number in weeks.items() for n in range(number)]


def oid(name: str) -> str:
    return sha1(name.encode(), usedforsecurity=False).hexdigest()


def agreed(held: Commits, seen: Commits, total: int, *, is_joined: bool = True) -> str:
    week = agreement(tally(held), tally(seen), total, is_joined=is_joined)
    return str(week) if week else ""


def test_an_unchanged_total_with_the_same_newest_commit_agrees_at_once() -> None:
    held = commits(W01=5, W02=5)
    assert agreed(held, commits(W02=3), 10) == "2026-W02"


def test_an_unchanged_total_alone_says_nothing() -> None:
    """A commit that was amended in the same week: as many as before, but another one."""
    held, amended = commits(W01=5, W02=5), [("2026-W02", oid("amended"))]
    assert agreed(held, [*amended, *commits(W02=2)], 10, is_joined=False) == ""
    seen = [*amended, *commits(W02=4, W01=5), ("2025-W52", oid("before"))]
    assert agreed([*held, ("2025-W52", oid("before"))], seen, 11, is_joined=False) == "2026-W01"


def test_new_commits_of_the_newest_week_agree_below_it() -> None:
    assert agreed(commits(W01=5, W02=5), commits(W03=2, W02=1), 12) == "2026-W02"


def test_a_late_merge_is_read_down_to_the_week_it_landed_in() -> None:
    held, late = commits(W01=5, W05=5), [("2026-W03", oid("late"))]
    assert agreed(held, commits(W05=4), 11) == ""
    assert agreed(held, [*commits(W05=5), *late, *commits(W01=1)], 11) == "2026-W01"


def test_as_many_new_commits_as_were_dropped_are_not_mistaken_for_the_old_ones() -> None:
    held = commits(W01=5, W05=2)
    new = [("2026-W07", oid("new 1")), ("2026-W07", oid("new 2"))]
    assert agreed(held, new, 7, is_joined=False) == ""
    assert agreed(held, [*new, *commits(W01=2)], 7, is_joined=False) == ""


def test_a_history_rewritten_with_its_old_dates_is_read_to_its_end() -> None:
    rewritten = [(week, oid(f"rewritten {name}")) for week, name in commits(W01=5, W02=5)]
    assert agreed(commits(W01=5, W02=5), rewritten[:9], 10, is_joined=False) == ""


def test_totals_that_cannot_agree_are_read_to_the_end() -> None:
    assert agreed(commits(W01=5), commits(W02=3, W01=1), 4) == ""


def test_nothing_seen_agrees_with_nothing() -> None:
    assert agreed([], [], 0) == ""


def test_only_additions_let_nothing_vanish() -> None:
    held, seen = tally(commits(W01=2, W02=2)), tally(commits(W01=2, W02=3))
    assert vanished(held, seen, None, is_joined=True) == []
    assert vanished(held, seen, None, is_joined=False) == ["2026-W02"]
    assert vanished(held, tally(commits(W01=1, W02=3)), None, is_joined=True) == ["2026-W01", "2026-W02"]
    assert vanished(held, tally(commits(W01=1)), Week.parse("2026-W01"), is_joined=True) == ["2026-W02"]


def test_weeks_with_the_very_same_commits_are_no_news() -> None:
    held, other = commits(W01=2, W02=2), [("2026-W02", oid("other")), ("2026-W02", oid("another"))]
    assert same_weeks(tally(held), tally([*commits(W01=2), *other])) == {"2026-W01"}


def test_tallies_add_up_in_any_order() -> None:
    first, second = commits(W01=3, W02=1), commits(W02=4, W09=1)
    assert added(tally(first), tally(second)) == added(tally(second), tally(first))
    assert count(added(tally(first), tally(second))) == 9


# --- Whatever happens to a history ---

number_of = st.integers(min_value=0, max_value=6)


@given(
    st.lists(st.sampled_from(WEEKS), max_size=40),
    st.lists(st.sampled_from(WEEKS), max_size=10),
    number_of,
    number_of,
    st.booleans(),
    st.integers(min_value=1, max_value=9),
)
def test_reading_until_agreement_misses_no_new_commit(
    old: list[str], merged: list[str], dropped: int, rewritten: int, keeps_dates: bool, size: int
) -> None:
    """The newest commits are dropped and others rewritten (with their dates or with today's), others are
    merged anywhere: what lies after the boundary holds everything new, in pages of any size.
    """
    held = [(week, oid(f"old {n}")) for n, week in enumerate(sorted(old, reverse=True))]
    left = held[dropped:]
    new = [(week, oid(f"merged {n}")) for n, week in enumerate(merged)]
    new += [(week if keeps_dates else WEEKS[-1], oid(f"rewritten {name}")) for week, name in left[:rewritten]]
    history = sorted([*left[rewritten:], *new], reverse=True)
    newest = held[0][1] if held else ""
    seen: dict[str, list[int]] = {}
    boundary: Week | None = None
    position, is_joined = 0, False
    while position < len(history) and boundary is None:
        page = history[position : position + size]
        position += len(page)
        seen = added(seen, tally(page))
        is_joined |= newest in {name for _, name in page}
        boundary = agreement(tally(held), seen, len(history), is_joined=is_joined)
    limit = "" if position == len(history) or boundary is None else str(boundary)
    read = {name for week, name in history[:position] if week > limit}
    assert {name for _, name in new} <= read
    assert count(united(tally(held), seen, Week.parse(limit) if limit else None)) == len(history)
