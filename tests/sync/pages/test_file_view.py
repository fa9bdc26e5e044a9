import hashlib
import io
import json

import pytest

from sync.pages.file_view import MOST_SHOWN, view_file

HEAD = b'{"format": "github-weeks/1", "year": 2026, "github_id": 583231, "weeks": {\n'


def year_file(**weeks: object) -> io.BytesIO:
    lines = b",\n".join(f'"{week}": {json.dumps(content)}'.encode() for week, content in weeks.items())
    return io.BytesIO(HEAD + lines + b"\n}}\n")


def test_the_newest_week_with_records_is_shown_in_lines() -> None:
    week = {"commits": [{"message": "Mark the path"}], "calendar": {}}
    stream = year_file(**{"2026-W01": week, "2026-W02": week, "2026-W03": {"commits": [], "calendar": {}}})
    content = stream.getvalue()
    view = view_file(stream, is_year=True, is_table=False)

    assert (view.week, view.is_readable) == ("2026-W02", True)
    assert '      "message": "Mark the path"' in view.text
    assert (view.size, view.md5) == (len(content), hashlib.md5(content, usedforsecurity=False).hexdigest())


def test_a_year_without_records_shows_its_first_week() -> None:
    view = view_file(year_file(**{"2026-W01": {"commits": []}}), is_year=True, is_table=False)
    assert view.week == "2026-W01"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe<script>",
        HEAD + b"nonsense\n",
        HEAD + b'"2026-W01": ' + b"[" * 90_000 + b"\n}}\n",
        HEAD + b'"2026/W01": {"commits": [1]}\n}}\n',
        HEAD.replace(b"2026", b"1e999"),
        HEAD.replace(b"2026", b"[" * 90_000),
    ],
)
def test_a_file_changed_by_hand_is_shown_as_it_is(content: bytes) -> None:
    view = view_file(io.BytesIO(content), is_year=True, is_table=False)

    assert not view.is_readable
    assert view.text == content.decode("utf-8", "replace")[:MOST_SHOWN]


def test_no_depth_is_too_deep() -> None:
    """Reading bears a little more than writing in lines does."""
    for depth in range(800, 1000, 5):
        content = HEAD + b'"2026-W01": {"a": ' + b"[" * depth + b"]" * depth + b"}\n}}\n"
        assert view_file(io.BytesIO(content), is_year=True, is_table=False).size == len(content)


def test_half_a_character_is_shown_as_a_question_mark() -> None:
    view = view_file(year_file(**{"2026-W01": {"commits": ["\ud83d"]}}), is_year=True, is_table=False)

    assert view.is_readable
    assert '"?"' in view.text


def test_a_table_shows_its_head_and_its_newest_lines_first() -> None:
    rows = b"".join(b"2026-01-%02d,1\n" % day for day in range(1, 32))
    view = view_file(io.BytesIO(b"date,contributions\n" + rows), is_year=False, is_table=True)

    assert view.text.startswith("date,contributions\n2026-01-31,1\n2026-01-30,1\n")
    assert len(view.text.splitlines()) == 21
    assert view.is_cut


def test_a_profile_is_shown_from_its_beginning() -> None:
    view = view_file(io.BytesIO(b'{\n "name": "Mona"\n}\n'), is_year=False, is_table=False)
    assert (view.text, view.is_cut) == ('{\n "name": "Mona"\n}\n', False)


def test_no_more_is_shown_than_a_page_bears() -> None:
    view = view_file(io.BytesIO(b"x" * 1_000_000), is_year=False, is_table=False)
    assert (len(view.text), view.is_cut) == (MOST_SHOWN, True)
