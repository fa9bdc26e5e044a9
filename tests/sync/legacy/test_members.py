"""Rows of the old app: read whole, or refused whole, and never repeated in a message."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connection

from sync.legacy.members import COLUMNS, OldMember, SourceRefused, read_csv, read_database

HEADER = ",".join(COLUMNS)
GOOD = (
    "01234567,oh-access,oh-refresh,2024-05-01 10:00:00.123456+00,f,583231,gho_secret,2024-04-30 09:00:00+00"
)
MARKERS = ("oh-access", "oh-refresh", "gho_secret", "marker")


def row(**changes: str) -> str:
    return ",".join((dict(zip(COLUMNS, GOOD.split(","), strict=True)) | changes).values())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "members.csv"
    path.touch(mode=0o600)
    return path


def write(path: Path, *rows: str, header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(SourceRefused) as refused:
        read_csv(path)
    message = str(refused.value)
    assert not any(marker in message for marker in MARKERS)
    return message


# --- The CSV ------------------------------------------------------------------------------------------


def test_a_row_is_read_with_everything_it_says(file: Path) -> None:
    assert read_csv(write(file, GOOD)) == [
        OldMember(
            open_humans_id="01234567",
            has_left=False,
            github_id=583231,
            last_updated=datetime(2024, 4, 30, 9, tzinfo=UTC),
            token_expires=datetime(2024, 5, 1, 10, 0, 0, 123456, tzinfo=UTC),
            access_token="oh-access",
            refresh_token="oh-refresh",
            github_token="gho_secret",
        )
    ]


def test_a_member_that_never_connected_github_has_empty_columns(file: Path) -> None:
    (old,) = read_csv(write(file, "01234567,a,r,2024-05-01 10:00:00+00,t,,,"))
    assert (old.has_left, old.github_id, old.github_token, old.last_updated) == (True, None, "", None)


def test_columns_may_stand_in_any_order_and_spreadsheets_leave_a_mark(file: Path) -> None:
    header = ",".join(reversed(COLUMNS))
    turned = ",".join(reversed(GOOD.split(",")))
    write(file, turned, header="\ufeff" + header)
    assert read_csv(file)[0].open_humans_id == "01234567"


@pytest.mark.parametrize(
    ("text", "has_left"),
    [("t", True), ("True", True), ("1", True), ("f", False), ("False", False), ("0", False)],
)
def test_databases_write_truth_in_their_own_ways(file: Path, text: str, has_left: bool) -> None:
    assert read_csv(write(file, row(oh_deauth=text)))[0].has_left is has_left


def test_moments_without_a_zone_are_utc(file: Path) -> None:
    (old,) = read_csv(write(file, row(last_updated="2024-04-30 09:00:00")))
    assert old.last_updated == datetime(2024, 4, 30, 9, tzinfo=UTC)


def test_those_who_waited_longest_come_first(file: Path) -> None:
    rows = [
        row(oh_id="00000001", github_id="1", last_updated="2024-05-02 00:00:00+00"),
        row(oh_id="00000002", github_id="2", last_updated=""),
        row(oh_id="00000003", github_id="3", last_updated="2024-05-01 00:00:00+00"),
    ]
    assert [old.open_humans_id for old in read_csv(write(file, *rows))] == [
        "00000002",
        "00000003",
        "00000001",
    ]


def test_no_token_stands_in_the_text_of_a_member(file: Path) -> None:
    assert not any(marker in repr(read_csv(write(file, GOOD))) for marker in MARKERS)


def test_a_file_of_nobody_is_no_mistake(file: Path) -> None:
    assert read_csv(write(file)) == []


# --- What is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601])
def test_a_file_that_others_may_read_is_refused(file: Path, mode: int) -> None:
    write(file, GOOD).chmod(mode)
    assert "chmod 600" in refusal(file)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_of_ones_own_is_taken(file: Path, mode: int) -> None:
    write(file, GOOD).chmod(mode)
    assert len(read_csv(file)) == 1


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "missing.csv")
    assert "Is a directory" in refusal(tmp_path)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    keep_open = os.open(pipe, os.O_RDWR)
    try:
        assert "not a plain file" in refusal(pipe)
    finally:
        os.close(keep_open)


@pytest.mark.parametrize("missing", COLUMNS)
def test_a_missing_column_is_named(file: Path, missing: str) -> None:
    header = ",".join(name for name in COLUMNS if name != missing)
    assert missing in refusal(write(file, header=header))


@pytest.mark.parametrize("header", [f"{HEADER},marker", f"{HEADER},oh_id"])
def test_a_column_we_do_not_know_is_refused(file: Path, header: str) -> None:
    assert "other columns" in refusal(write(file, header=header))


def test_a_file_without_its_header_is_refused_without_repeating_it(file: Path) -> None:
    assert "lacks the columns" in refusal(write(file, header=GOOD))


def test_an_empty_file_is_refused(file: Path) -> None:
    assert "lacks the columns" in refusal(file)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"oh_id": ""}, "oh_id"),
        ({"oh_id": "1234567"}, "oh_id"),
        ({"oh_id": "marker12"}, "oh_id"),
        ({"oh_id": "٠١٢٣٤٥٦٧"}, "oh_id"),
        ({"access_token": "two marker"}, "access_token"),
        ({"refresh_token": "markér"}, "refresh_token"),
        ({"github_token": "marker" * 100}, "github_token"),
        ({"token_expires": "marker"}, "token_expires"),
        ({"token_expires": "2024-13-01 00:00:00+00"}, "token_expires"),
        ({"last_updated": "0001-01-01 00:00:00+14"}, "last_updated"),
        ({"oh_deauth": ""}, "oh_deauth"),
        ({"oh_deauth": "marker"}, "oh_deauth"),
        ({"github_id": "marker"}, "github_id"),
        ({"github_id": "-1"}, "github_id"),
        ({"github_id": "0"}, "github_id"),
        ({"github_id": "9" * 19}, "github_id"),
    ],
)
def test_a_malformed_value_is_told_by_line_and_column(
    file: Path, changes: dict[str, str], problem: str
) -> None:
    other = row(oh_id="99999999", github_id="7")
    assert f"line 3: {problem} " in refusal(write(file, other, row(**changes)))


@pytest.mark.parametrize("bad", ["01234567", GOOD + ",marker", "marker"])
def test_a_row_of_another_length_is_told_by_its_line(file: Path, bad: str) -> None:
    assert "line 3: another number of columns" in refusal(write(file, GOOD, bad))


def test_lines_are_counted_as_an_editor_counts_them(file: Path) -> None:
    assert "line 5: oh_deauth" in refusal(
        write(file, "", GOOD, "", row(oh_id="11111111", github_id="5", oh_deauth="x"))
    )


@pytest.mark.parametrize("name", ["oh_id", "github_id"])
def test_somebody_who_stands_there_twice_is_told(file: Path, name: str) -> None:
    changes = {"oh_id": "11111111"} if name == "github_id" else {"github_id": "7"}
    assert f"line 3: {name} stands in line 2 already" in refusal(write(file, GOOD, row(**changes)))


def test_a_long_list_of_problems_is_cut(file: Path) -> None:
    message = refusal(write(file, *["marker"] * 50))
    assert message.count("line ") == 20
    assert "and 30 more" in message


@pytest.mark.parametrize("content", [b'a,"b\n', b"\xff\xfe\x00", b"a\x00b\n", b"x" * 200_000])
def test_what_is_no_csv_is_refused(file: Path, content: bytes) -> None:
    file.write_bytes(HEADER.encode() + b"\n" + content)
    assert refusal(file)


# --- The database -------------------------------------------------------------------------------------


def database_url() -> str:
    facts = connection.get_connection_params()
    names = [name for name in ("host", "port", "user", "password") if facts.get(name)]
    return f"postgresql:///{facts['dbname']}?" + "&".join(f"{name}={facts[name]}" for name in names)


@pytest.fixture
def old_database(transactional_db: None) -> Iterator[str]:
    """The two tables as the old app's migrations make them; gives the URL."""
    execute(
        "create table openhumans_openhumansmember (oh_id varchar(16) primary key,"
        " access_token varchar(256), refresh_token varchar(256), token_expires timestamptz,"
        " public boolean, oh_deauth boolean)"
    )
    execute(
        "create table main_datasourcemember (id serial primary key, github_id varchar(255) unique,"
        " access_token varchar(512), last_updated timestamptz, user_id varchar(16) unique)"
    )
    yield database_url()
    execute("drop table openhumans_openhumansmember; drop table main_datasourcemember")


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_old_database_is_read_with_and_without_github(old_database: str) -> None:
    execute(
        "insert into openhumans_openhumansmember values"
        " ('01234567', 'oh-access', 'oh-refresh', '2024-05-01 12:00+02', false, false),"
        " ('11111111', 'x', 'y', '2024-05-01 12:00+02', false, true)"
    )
    execute(
        "insert into main_datasourcemember (github_id, access_token, last_updated, user_id)"
        " values ('583231', 'gho_secret', '2024-04-30 09:00+00', '01234567')"
    )

    left, member = read_database(old_database)

    assert (left.open_humans_id, left.has_left, left.github_token) == ("11111111", True, "")
    assert (member.github_id, member.github_token) == (583231, "gho_secret")
    assert member.token_expires == datetime(2024, 5, 1, 10, tzinfo=UTC)


def test_a_row_that_makes_no_sense_refuses_the_whole_database(old_database: str) -> None:
    execute("insert into openhumans_openhumansmember values ('marker', '', '', now(), false, false)")
    with pytest.raises(SourceRefused, match="row 1: oh_id") as refused:
        read_database(old_database)
    assert "marker" not in str(refused.value)


def test_another_database_is_told_apart(transactional_db: None) -> None:
    with pytest.raises(SourceRefused, match="not the old app's database"):
        read_database(database_url())


@pytest.mark.parametrize(
    "url",
    [
        "postgres://me:marker-password@127.0.0.1:9/nowhere",
        "postgres://me:marker%zz@127.0.0.1/x",
        "postgres://me:marker@127.0.0.1:port/x",
        "marker",
        "mysql://me:marker@127.0.0.1/x",
    ],
)
def test_a_database_that_cannot_be_reached_keeps_its_password(url: str) -> None:
    with pytest.raises(SourceRefused) as refused:
        read_database(url)
    assert "marker" not in str(refused.value)
