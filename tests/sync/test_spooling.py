"""What waits to be written, in a file instead of in memory."""

import io

from hypothesis import given
from hypothesis import strategies as st

from sync.archive import pack
from sync.records import Entry
from sync.spooling import Spool

WEEKS = ("2026-W17", "2026-W18", "2026-W19")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ENTRIES = st.builds(
    Entry,
    st.sampled_from(["commits", "calendar"]),
    st.sampled_from(WEEKS),
    st.dictionaries(TEXTS, TEXTS | st.integers() | st.none(), max_size=3),
)


def by_week(entries: list[Entry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.week, []).append(entry)
    return found


@given(batches=st.lists(st.lists(ENTRIES, max_size=5), max_size=4))
def test_everything_comes_back_by_week_in_its_order(batches: list[list[Entry]]) -> None:
    spool = Spool(io.BytesIO())
    for batch in batches:
        spool.add(pack(batch), WEEKS)
    assert dict(spool) == by_week([entry for batch in batches for entry in batch])


def test_weeks_that_must_still_wait_are_left_out() -> None:
    spool = Spool(io.BytesIO())
    spool.add(pack([Entry("commits", week, {"oid": week}) for week in WEEKS]), {"2026-W18"})
    assert (list(spool), len(spool), "2026-W17" in spool) == (["2026-W18"], 1, False)
    assert spool.get("2026-W17", []) == []


def test_more_can_be_added_after_a_week_was_read() -> None:
    spool = Spool(io.BytesIO())
    first, second = (Entry("commits", "2026-W18", {"oid": oid}) for oid in "ab")
    spool.add(pack([first]), WEEKS)
    assert spool["2026-W18"] == [first]
    spool.add(pack([second]), WEEKS)
    assert spool["2026-W18"] == [first, second]
