import hashlib
import io
import json
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import archive
from sync.archive import ArchiveError, Header, UnreadableFile, Written
from sync.records import CALENDAR, Entry, clean_text, record_entry
from tests.sync.test_records import commit

HEADER = Header(year=2026, github_id=583231, private_contributions=7)
SCHEMA = json.loads(archive.SCHEMA_FILE.read_text(encoding="utf-8"))


def entries_of(*records: dict[str, Any]) -> dict[str, list[Entry]]:
    grouped: dict[str, list[Entry]] = {}
    for record in records:
        entry = record_entry("commits", record)
        grouped.setdefault(entry.week, []).append(entry)
    return grouped


def write(
    entries: dict[str, list[Entry]],
    sources: tuple[bytes, ...] = (),
    states: dict[str, str] | None = None,
    known: tuple[str, ...] = (),
    header: Header = HEADER,
) -> tuple[bytes, Written]:
    out = io.BytesIO()
    written = archive.write_year(
        out, header, [io.BytesIO(source) for source in sources], entries, states or {}, ["commits"], known
    )
    return out.getvalue(), written


def test_a_file_is_json_with_one_week_a_line() -> None:
    entries = entries_of(commit(), commit("b" * 40, authored_at="2026-05-05T10:00:00Z"))
    content, _ = write(entries, states={"2026-W18": "complete", "2026-W19": "open"})
    lines = content.decode().splitlines()
    assert lines[0] == (
        '{"format": "github-weeks/1", "year": 2026, "github_id": 583231, '
        '"private_contributions": 7, "weeks": {'
    )
    assert (lines[1][:13], lines[1][-2:]) == ('"2026-W18": {', "},")
    assert (lines[2][:13], lines[2][-2:]) == ('"2026-W19": {', '"}')
    assert lines[3] == "}}"
    assert json.loads(content)["weeks"]["2026-W18"]["state"] == "complete"


def test_every_file_is_valid_against_the_published_schema() -> None:
    content, _ = write(entries_of(commit()), states={"2026-W18": "complete"})
    jsonschema_rs.validate(SCHEMA, json.loads(content))


def test_size_and_md5_are_those_of_the_bytes() -> None:
    content, written = write(entries_of(commit()))
    assert written.size == len(content)
    assert written.md5 == hashlib.md5(content, usedforsecurity=False).hexdigest()


def test_a_kind_that_was_looked_for_and_not_found_is_an_empty_list() -> None:
    content, _ = write({"2026-W18": [Entry(CALENDAR, "2026-W18", {"2026-04-27": 4})]})
    week = json.loads(content)["weeks"]["2026-W18"]
    assert week["commits"] == []
    assert week["calendar"] == {"2026-04-27": 4}
    assert (week["starts_on"], week["ends_on"]) == ("2026-04-27", "2026-05-03")


def test_writing_the_same_again_gives_the_same_bytes_and_says_that_nothing_changed() -> None:
    entries = entries_of(commit(), commit("b" * 40))
    first, _ = write(entries, states={"2026-W18": "complete"})
    second, written = write(entries, sources=(first,), states={"2026-W18": "complete"})
    assert second == first
    assert not written.is_changed
    assert (written.new, written.changed) == (0, 0)


def test_a_state_alone_is_no_change_of_the_file() -> None:
    first, _ = write(entries_of(commit()), states={"2026-W18": "open"})
    second, written = write({}, sources=(first,), states={"2026-W18": "complete"}, known=("2026-W18",))
    assert json.loads(second)["weeks"]["2026-W18"]["state"] == "complete"
    assert not written.is_changed


def test_a_new_private_count_is_a_change() -> None:
    first, _ = write(entries_of(commit()))
    _, written = write({}, sources=(first,), known=("2026-W18",), header=Header(2026, 583231, 8))
    assert written.is_changed


def test_an_untouched_week_is_copied_as_it_stands() -> None:
    first, _ = write(entries_of(commit()))
    marked = first.replace(b'"Say hello"', b'"Say  hello"')
    later = entries_of(commit("b" * 40, authored_at="2026-05-05T10:00:00Z"))
    second, written = write(later, sources=(marked,), known=("2026-W18",))
    assert b'"Say  hello"' in second
    assert list(written.weeks) == ["2026-W19"]


def test_two_files_of_one_year_are_united_the_newer_one_wins() -> None:
    older, _ = write(entries_of(commit(message="old"), commit("b" * 40)))
    newer, _ = write(entries_of(commit(message="new"), commit("c" * 40)))
    content, written = write({}, sources=(older, newer))
    commits = json.loads(content)["weeks"]["2026-W18"]["commits"]
    assert {c["oid"][0]: c["message"] for c in commits} == {"a": "new", "b": "Say hello", "c": "Say hello"}
    assert written.is_changed


def test_no_record_is_ever_removed_by_a_later_reading() -> None:
    """Promise 6: merging is a union."""
    first, _ = write(entries_of(commit(), commit("b" * 40)))
    content, _ = write(entries_of(commit("b" * 40)), sources=(first,))
    assert len(json.loads(content)["weeks"]["2026-W18"]["commits"]) == 2


def test_the_ledger_learns_counts_calendar_and_state_of_each_touched_week() -> None:
    entries = entries_of(commit(), commit("b" * 40))
    entries["2026-W18"].append(Entry(CALENDAR, "2026-W18", {"2026-04-27": 2, "2026-04-28": 0}))
    _, written = write(entries, states={"2026-W18": "settling"})
    assert written.weeks["2026-W18"] == {
        "state": "settling",
        "counts": {"commits": 2},
        "days": {"2026-04-27": {"commits": 2}},
        "calendar": {"2026-04-27": 2},
    }


def test_a_week_outside_the_ledger_has_no_state() -> None:
    content, _ = write(entries_of(commit()))
    assert "state" not in json.loads(content)["weeks"]["2026-W18"]


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"[]",
        b"<html>",
        b'{"format": "github-weeks/2", "year": 2026, "github_id": 1, "weeks": {\n}}\n',
        b'{"format": "github-weeks/1", "year": 2026, "github_id": 1, "weeks": {\n"2026-W18": {}',
        b'{"format": "github-weeks/1", "year": 2026, "github_id": 1, "weeks": {\nnot a week\n}}\n',
    ],
)
def test_a_source_that_is_no_year_file_is_refused(source: bytes) -> None:
    with pytest.raises(ArchiveError):
        write(entries_of(commit()), sources=(source,))


def test_only_what_is_broken_counts_as_damaged() -> None:
    """Not a file of another format: after going back to an older version, nobody shall delete newer files."""
    newer = b'{"format": "github-weeks/2", "year": 2026, "github_id": 1, "weeks": {\n}}\n'
    for source, is_damaged in ((newer, False), (newer[:-1].replace(b"/2", b"/1")[:-2], True)):
        with pytest.raises(ArchiveError) as caught:
            write(entries_of(commit()), sources=(source,))
        assert isinstance(caught.value, UnreadableFile) is is_damaged


def test_a_broken_line_names_its_week() -> None:
    first, _ = write(entries_of(commit()))
    broken = first.replace(b'"commits": [', b'"commits": [,')
    with pytest.raises(ArchiveError) as caught:
        write(entries_of(commit()), sources=(broken,))
    assert caught.value.week == "2026-W18"


@pytest.mark.parametrize(
    "change", [{"oid": "xyz"}, {"additions": -1}, {"visibility": "unknown"}, {"extra": 1}]
)
def test_a_week_that_would_not_be_valid_is_not_written(change: dict[str, Any]) -> None:
    with pytest.raises(ArchiveError):
        write(entries_of(commit(**change)))


def test_a_week_of_another_year_is_refused() -> None:
    with pytest.raises(ArchiveError, match="2026"):
        write(entries_of(commit(authored_at="2025-05-05T10:00:00Z")))


@given(
    st.lists(st.text(max_size=40), max_size=6),
    st.lists(st.integers(min_value=0, max_value=5), max_size=6),
)
def test_any_message_survives_writing_and_merging(messages: list[str], cut: list[int]) -> None:
    """Whatever the pages and interruptions, the union of the pieces is the same file."""
    records = [commit(f"{n:040x}", message=clean_text(text)) for n, text in enumerate(messages)]
    whole, _ = write(entries_of(*records)) if records else (b"", None)
    content = b""
    for start in sorted({0, *(c for c in cut if c < len(records))}):
        piece = entries_of(*records[start:])
        content, _ = write(piece, sources=(content,) if content else ())
    assert content == whole or not records


@given(st.lists(st.integers(min_value=0, max_value=30), max_size=8))
def test_packing_keeps_every_entry(numbers: list[int]) -> None:
    entries = [record_entry("commits", commit(f"{n:040x}", message="ü\n\u2028")) for n in numbers]
    assert list(archive.unpack(archive.pack(entries))) == entries
