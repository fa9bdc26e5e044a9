import re
from dataclasses import asdict
from datetime import date

from tests.faults import summary
from tests.faults.comparing import differing, kinds_of, records_twice, repeats, weeks_lost
from tests.faults.killing import PROGRAMS, SERVERS, may_be_repeated
from tests.faults.summary import Drill, page, table

COMMIT = b'{"repository_id": "R_1", "oid": "aa", "message": "%s"}'


def year_file(*weeks: tuple[str, list[bytes]]) -> bytes:
    lines = [b'"%s": {"commits": [%s]}' % (week.encode(), b", ".join(commits)) for week, commits in weeks]
    return b'{"weeks": {%s}}' % b", ".join(lines)


ONE = year_file(("2026-W01", [COMMIT % b"x"]), ("2026-W02", []))


def test_a_drill_adds_up_what_it_sees_and_shows_no_zero_for_what_it_does_not_look_at() -> None:
    killed, blocked = Drill("killed"), Drill("blocked")
    for _ in range(2):
        killed.count(faults_injected=3, weeks_lost=0)
    for seconds in (2.0, 1.0):
        killed.resumed_after(seconds)
    blocked.count(requests_while_blocked=1)
    rows = [line.split() for line in table(map(asdict, (killed, blocked)))]
    assert rows[1:] == [
        ["killed", "6", "-", "0", "-", "-", "-", "2.0"],
        ["blocked", "-", "-", "-", "-", "1", "-", "-"],
        ["all", "together", "6", "-", "0", "-", "1", "-", "2.0"],
    ]


def test_the_page_says_what_it_was_found_with() -> None:
    drill = Drill("killed")
    drill.count(faults_injected=100, weeks_lost=0)
    text = page([asdict(drill)], 0, date(2026, 12, 1), "0123456789 with changes", 1650.0)
    assert (
        f"`make faults SEED={summary.SEED} WRITE=1` on 2026-12-01, at 0123456789 with changes,"
        " in 27.5 minutes:"
        "\nall tests passed."
    ) in text
    assert "| killed | 100 | - | 0 | - | - | - | - |" in text
    assert "2 tests failed" in page([asdict(drill)], 2, date(2026, 12, 1), "0123456789", 60.0)


def test_the_page_names_the_commit_that_was_attacked() -> None:
    assert re.fullmatch(r"[0-9a-f]{10}( with changes)?", summary.commit())


def test_a_record_that_stands_twice_is_counted_whatever_else_it_says_there() -> None:
    again = year_file(("2026-W01", [COMMIT % b"x", COMMIT % b"y"]))
    elsewhere = {"github-2026.json": ONE, "github-private-2026.json": ONE}
    assert records_twice({"github-2026.json": ONE}) == 0
    assert (records_twice({"github-2026.json": again}), records_twice(elsewhere)) == (1, 1)
    assert kinds_of(elsewhere) == {"commits"}


def test_weeks_that_are_missing_and_files_that_differ_are_counted() -> None:
    found = {"github-2026.json": year_file(("2026-W01", [COMMIT % b"x"])), "more.csv": b""}
    assert weeks_lost(found, {"github-2026.json": ONE}) == 1
    assert weeks_lost({}, {"github-2026.json": ONE}) == 2
    assert differing(found, {"github-2026.json": ONE}) == ["github-2026.json", "more.csv"]


def test_a_question_is_repeated_where_it_is_asked_more_often_than_undisturbed() -> None:
    asked = {"probe": 3, "page": 2, "tree": 1}
    assert repeats(asked) == 3
    assert repeats(asked, {"probe": 2, "page": 1, "tree": 4}) == 2


def test_only_who_asks_or_stops_those_who_do_may_have_a_request_repeated() -> None:
    assert may_be_repeated(["web", "scheduler", "scheduler"]) == 0
    assert may_be_repeated(["worker child", "web", "frozen child", "worker child"]) == 3
    assert may_be_repeated([*PROGRAMS, *SERVERS]) == len(PROGRAMS) - 2 + len(SERVERS)
