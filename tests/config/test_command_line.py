"""What commands say when something around them is not as it should be: one line, no traceback."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from accounts.models import User
from sync.models import Subscription
from tests.config.test_settings import ROOT, start

WHY = ("--reason", "asked by mail")
NOBODY_LISTENS = "127.0.0.1:9"
MEMBERS = (
    "oh_id,access_token,refresh_token,token_expires,oh_deauth,github_id,github_token,last_updated\n"
    "12121212,an-access,a-refresh,2026-05-04 10:00:00+00,f,,,\n"
)
# Of every command that asks the database, a call that gets as far as that.
ASKING = (
    ("update_data",),
    ("update_data", "--dry-run"),
    ("sync_member", "octocat", *WHY),
    ("reconcile", "--all"),
    ("reconcile", "--all", "--dry-run"),
    ("reconcile", "--member", "octocat", *WHY),
    ("view_metadata", "octocat", *WHY),
    ("delete_data", "octocat", "--scope", "files", *WHY),
    ("import_users", "--csv", "CSV", "--dry-run"),
    ("rotate_keys",),
    ("rotate_keys", "--dry-run"),
    ("check_project",),
    ("stop_syncing", *WHY),
    ("start_syncing", *WHY),
    ("after_restore", "--no-list"),
    ("add_authenticator", "operator"),
)
# Many calls in one process, because starting one for each would take longer than all of them.
RUN = """
import contextlib, io, json, sys, traceback
import manage

said = []
for words in json.loads(sys.argv[1]):
    sys.argv = ["manage.py", *words]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            manage.main()
            code, last = 0, ""
        except SystemExit as end:
            code, last = (1, end.code) if isinstance(end.code, str) else (end.code or 0, "")
        except BaseException:
            code, last = 1, traceback.format_exc()
    said.append([code, err.getvalue() + last])
print(json.dumps(said))
"""


@dataclass(frozen=True)
class Said:
    call: tuple[str, ...]
    code: int
    text: str

    def __str__(self) -> str:
        return f"{' '.join(self.call)}: {self.code} {self.text}"


def call_all(calls: tuple[tuple[str, ...], ...], **changes: str) -> list[Said]:
    code = f"import sys; sys.argv[1:] = [{json.dumps(json.dumps(calls))}]\n{RUN}"
    done = start(code, **changes)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout.splitlines()[-1])
    found = [Said(call, code, text.strip()) for call, (code, text) in zip(calls, answers, strict=True)]
    assert not [str(one) for one in found if "Traceback" in one.text]
    return found


def asking(folder: Path) -> tuple[tuple[str, ...], ...]:
    csv = folder / "members.csv"
    csv.write_text(MEMBERS)
    csv.chmod(0o600)
    return tuple(tuple(str(csv) if word == "CSV" else word for word in call) for call in ASKING)


def url_of(database: str) -> str:
    place = connection.settings_dict
    return f"postgres://{place['USER']}:{place['PASSWORD']}@{place['HOST']}:{place['PORT']}/{database}"


@pytest.fixture
def empty_database(db: None) -> Iterator[str]:
    name = f"empty_{uuid4().hex[:8]}"
    with psycopg.connect(url_of(connection.settings_dict["NAME"]), autocommit=True) as server:
        server.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        yield url_of(name)
        server.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def here(transactional_db: None, subscription: Subscription, operator: User) -> str:
    """The address of the database of this test, with a member and an operator in it."""
    return url_of(connection.settings_dict["NAME"])


def test_without_postgres_each_says_so_without_the_pass_word(tmp_path: Path) -> None:
    calls = (*asking(tmp_path), ("migrate",), ("check", "--database", "default"))
    for said in call_all(calls, DATABASE_URL=f"postgres://u:hunter2@{NOBODY_LISTENS}/nothing"):
        assert said.code == 1, said
        assert said.text.startswith("Postgres cannot be asked, see DATABASE_URL: "), said
        assert len(said.text.splitlines()) == 1, said
        assert "hunter2" not in said.text


def test_without_tables_each_says_what_makes_them(tmp_path: Path, empty_database: str) -> None:
    for said in call_all(asking(tmp_path), DATABASE_URL=empty_database):
        assert (said.code, said.text) == (
            1,
            "The database lacks tables or columns of this version. Run manage.py migrate.",
        ), said


def test_without_redis_acts_are_kept_and_everything_else_says_what_it_lacks(
    tmp_path: Path, here: str
) -> None:
    away = {"REDIS_URL": f"redis://:hunter2@{NOBODY_LISTENS}", "DATABASE_URL": here}
    found = {said.call: said for said in call_all(asking(tmp_path), **away)}

    for words in (("update_data",), ("sync_member", "octocat", *WHY), ("stop_syncing", *WHY)):
        assert found[words].code == 0, found[words]
    for said in found.values():
        assert said.code in (0, 1, 2, 3), said
        assert "hunter2" not in said.text, said


def test_with_a_wrong_key_each_that_needs_a_token_says_which_key_is_missing(
    tmp_path: Path, here: str
) -> None:
    wrong = {
        "TOKEN_KEYS": "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=",
        "DATABASE_URL": here,
        "REDIS_URL": f"redis://{NOBODY_LISTENS}",
    }
    calls = (("check", "--database", "default"), *asking(tmp_path))
    found = {said.call: said for said in call_all(calls, **wrong)}

    for words in (
        ("view_metadata", "octocat", *WHY),
        ("rotate_keys",),
        ("rotate_keys", "--dry-run"),
        ("after_restore", "--no-list"),
        ("check", "--database", "default"),
    ):
        assert found[words].code == 1, found[words]
        assert "TOKEN_KEYS lacks the key" in found[words].text, found[words]
    nobody_asked = found[("reconcile", "--all", "--dry-run")]
    assert (nobody_asked.code, nobody_asked.text) == (3, "CommandError: 1 could not be asked."), nobody_asked


@pytest.mark.parametrize(("name", "value"), [("SECRET_KEY", ""), ("TOKEN_KEYS", "abc"), ("REDIS_URL", "x")])
def test_a_wrong_setting_is_named_by_every_command(name: str, value: str) -> None:
    for said in call_all((("update_data",), ("check",), ("migrate",), ("help",)), **{name: value}):
        assert said.code == 1, said
        assert said.text.startswith(f"{name} "), said
        assert len(said.text.splitlines()) == 1, said


def test_wrong_arguments_are_told_with_an_exit_code(tmp_path: Path, here: str) -> None:
    wanted = {
        ("sync_member",): (2, "the following arguments are required: member, --reason"),
        ("sync_member", "nobody", *WHY): (1, "nobody"),
        ("sync_member", "", *WHY): (1, "No member is known by ''"),
        ("reconcile",): (2, "one of the arguments --member --all is required"),
        ("reconcile", "--member", "octocat"): (1, "Say why, with --reason"),
        ("view_metadata", "xy:1", *WHY): (1, "xy:1"),
        ("delete_data", "octocat", "--scope", "everything", *WHY): (2, "invalid choice: 'everything'"),
        ("import_users",): (2, "one of the arguments --database --csv is required"),
        ("import_users", "--csv", "/nowhere/members.csv"): (1, "add --old-app-stopped"),
        ("import_users", "--csv", "/nowhere/members.csv", "--dry-run"): (1, "No such file or directory"),
        ("import_users", "--csv", str(ROOT), "--dry-run"): (1, "directory"),
        ("import_users", "--database", "mysql://x", "--dry-run"): (1, "check the URL"),
        ("import_users", "--database", f"postgres://u:hunter2@{NOBODY_LISTENS}/d", "--dry-run"): (
            1,
            "does not answer",
        ),
        ("rotate_keys", "--fast"): (2, "unrecognized arguments: --fast"),
        ("stop_syncing",): (2, "required: --reason"),
        ("stop_syncing", "--reason", "x" * 301): (2, "Say why, in at most 300 letters."),
        ("sync_member", "octocat", "--reason", " "): (2, "Say why, in at most 300 letters."),
        ("after_restore",): (1, "Who was erased since the dump?"),
        ("after_restore", "--list", "/nowhere/list"): (1, "The list of erasures cannot be read"),
        ("after_restore", "--list", "/nowhere/list", "--dump-of", "yesterday"): (2, "invalid moment value"),
        ("after_restore", "--no-list", "--dump-of", "2026-11-24T03:00:00"): (2, "Say its offset as well"),
        ("add_authenticator", "nobody"): (1, "nobody is no operator"),
        ("no_such_command",): (1, "Unknown command: 'no_such_command'"),
    }
    for said in call_all(tuple(wanted), DATABASE_URL=here, REDIS_URL=f"redis://{NOBODY_LISTENS}"):
        code, text = wanted[said.call]
        assert said.code == code, said
        assert text in said.text, said
        assert "hunter2" not in said.text, said


def test_whoever_wants_the_traceback_gets_it() -> None:
    done = start(
        "import sys; sys.argv = ['manage.py', 'rotate_keys', '--traceback']; import manage; manage.main()",
        DATABASE_URL=f"postgres://u@{NOBODY_LISTENS}/nothing",
    )
    assert done.returncode == 1
    assert "Traceback (most recent call last)" in done.stderr


def test_ctrl_c_is_an_exit_code_and_no_traceback() -> None:
    """Whoever follows a run with --wait leaves it to the workers like this."""
    done = start(
        "import os, signal, manage\n"
        "manage.execute_from_command_line = lambda _words: os.kill(os.getpid(), signal.SIGINT)\n"
        "manage.main()"
    )
    assert (done.returncode, done.stderr) == (130, "")
