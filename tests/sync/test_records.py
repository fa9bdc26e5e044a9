import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.records import (
    KINDS,
    calendar_entries,
    clean_text,
    merge_calendar,
    merge_records,
    record_entry,
)

COMMITS = KINDS["commits"]


def commit(oid: str = "a" * 40, **changes: Any) -> dict[str, Any]:
    return {
        "repository_id": "R_1",
        "repository": "octocat/hello",
        "oid": oid,
        "authored_at": "2026-04-27T09:12:01+02:00",
        "committed_at": "2026-04-27T07:12:01Z",
        "message": "Say hello",
        "additions": 3,
        "deletions": 1,
        "changed_files": 2,
        "url": f"https://github.com/octocat/hello/commit/{oid}",
        "visibility": "public",
    } | changes


OIDS = st.sampled_from([letter * 40 for letter in "abcdef"])
READINGS = st.lists(
    st.builds(
        commit,
        OIDS,
        additions=st.sampled_from([None, 1, 2]),
        message=st.sampled_from(["one", "two"]),
        authored_at=st.just("2026-04-27T09:12:01+02:00"),
    ),
    max_size=12,
)


def test_a_commit_falls_in_the_week_of_its_author_date_in_utc() -> None:
    entry = record_entry("commits", commit(authored_at="2026-05-04T01:00:00+02:00"))
    assert entry.week == "2026-W18"


@pytest.mark.parametrize("moment", ["", "yesterday", "0000-01-01T00:00:00Z"])
def test_a_moment_that_is_no_date_is_refused(moment: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|range"):
        record_entry("commits", commit(authored_at=moment))


def test_the_newer_reading_wins() -> None:
    merged = merge_records(COMMITS, [commit(message="old")], [commit(message="new")])
    assert [record["message"] for record in merged.records] == ["new"]
    assert (merged.new, merged.changed) == (0, 1)


def test_statistics_known_once_are_not_lost_by_a_reading_without_them() -> None:
    bare = commit(additions=None, deletions=None)
    merged = merge_records(COMMITS, [commit()], [bare])
    assert merged.records == [commit()]
    assert merged.changed == 0


def issue(**changes: Any) -> dict[str, Any]:
    return {"id": "I_1", "created_at": "2026-04-27T07:12:01Z", "state": "OPEN", "closed_at": None} | changes


def test_what_was_taken_back_is_not_kept_from_an_older_reading() -> None:
    closed = issue(state="CLOSED", closed_at="2026-05-01T08:00:00Z", state_reason="COMPLETED")
    opened_again = issue(state_reason=None)
    assert merge_records(KINDS["issues"], [closed], [opened_again]).records == [opened_again]
    assert merge_records(KINDS["issues"], [opened_again], [closed]).records == [closed]


@pytest.mark.parametrize(
    ("kind", "field"), [("gists", "description"), ("releases", "name"), ("releases", "body")]
)
def test_a_text_that_was_emptied_is_empty(kind: str, field: str) -> None:
    moment = KINDS[kind].moment
    known = {"id": "X_1", moment: "2026-04-27T07:12:01Z", field: "before"}
    assert merge_records(KINDS[kind], [known], [{**known, field: None}]).records == [{**known, field: None}]


def test_an_offset_known_once_is_not_lost_by_a_reading_in_utc() -> None:
    in_utc = commit(authored_at="2026-04-27T07:12:01Z")
    assert merge_records(COMMITS, [commit()], [in_utc]).records == [commit()]
    assert merge_records(COMMITS, [in_utc], [commit()]).records == [commit()]


def test_another_moment_is_believed_in_whatever_offset() -> None:
    amended = commit(authored_at="2026-04-27T07:12:02Z")
    assert merge_records(COMMITS, [commit()], [amended]).records == [amended]


def test_the_same_commit_in_two_repositories_is_two_records() -> None:
    merged = merge_records(COMMITS, [commit()], [commit(repository_id="R_2")])
    assert len(merged.records) == 2


def test_a_renamed_repository_is_the_same_repository() -> None:
    merged = merge_records(COMMITS, [commit()], [commit(repository="octocat/goodbye")])
    assert [record["repository"] for record in merged.records] == ["octocat/goodbye"]


@given(READINGS, READINGS)
def test_merging_loses_nothing_and_repeats_nothing(held: list[Any], read: list[Any]) -> None:
    merged = merge_records(COMMITS, held, read).records
    keys = [COMMITS.key_of(record) for record in merged]
    assert len(keys) == len(set(keys))
    assert set(keys) == {COMMITS.key_of(record) for record in [*held, *read]}


@given(READINGS, READINGS)
def test_merging_again_changes_nothing(held: list[Any], read: list[Any]) -> None:
    once = merge_records(COMMITS, held, read)
    last = {COMMITS.key_of(record): record for record in read}
    again = merge_records(COMMITS, once.records, last.values())
    assert again.records == once.records
    assert (again.new, again.changed) == (0, 0)


@given(st.permutations([commit(letter * 40) for letter in "abcdef"]))
def test_the_order_of_reading_does_not_matter(read: list[Any]) -> None:
    expected = merge_records(COMMITS, [], [commit(letter * 40) for letter in "abcdef"]).records
    assert merge_records(COMMITS, [], read).records == expected


def test_calendar_days_are_grouped_by_week() -> None:
    entries = calendar_entries({"2026-05-03": 2, "2026-05-04": 0})
    assert [(entry.week, entry.data) for entry in entries] == [
        ("2026-W18", {"2026-05-03": 2}),
        ("2026-W19", {"2026-05-04": 0}),
    ]


def test_a_day_without_contributions_is_left_out_also_when_it_had_some_before() -> None:
    assert merge_calendar({"2026-05-01": 4}, [{"2026-05-01": 0, "2026-05-02": 1}]) == {"2026-05-02": 1}


def test_two_windows_complete_one_week_over_new_year() -> None:
    merged = merge_calendar({}, [{"2026-01-01": 3}, {"2025-12-31": 5}])
    assert merged == {"2025-12-31": 5, "2026-01-01": 3}


@given(st.text())
def test_clean_text_is_always_utf8(text: str) -> None:
    assert json.loads(json.dumps(clean_text(text), ensure_ascii=False).encode()) == clean_text(text)


def test_a_lone_surrogate_becomes_a_question_mark() -> None:
    assert clean_text("a\ud800b") == "a?b"
