"""The table of settings names every setting there is, and none that is gone."""

import ast
from collections import Counter

from tests.docs.tables import DOCS, names, rows

ROOT = DOCS.parent


def read_settings() -> set[str]:
    """Names that `config/settings.py` reads from the environment: first arguments of `env.…("NAME")`."""
    tree = ast.parse((ROOT / "config" / "settings.py").read_text(encoding="utf-8"))
    return {
        str(call.args[0].value)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "env"
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }


def documented() -> list[str]:
    return [name for row in rows(DOCS / "deploying.md", "Settings") for name in names(row[0])]


def test_settings_are_found_in_the_code() -> None:
    assert {"SECRET_KEY", "TOKEN_KEYS", "DATABASE_URL", "SYNC_DUE_DAYS", "DEBUG"} <= read_settings()


def test_every_setting_has_one_row_and_every_row_a_setting() -> None:
    assert set(documented()) == read_settings()
    assert [name for name, number in Counter(documented()).items() if number > 1] == []


def test_each_row_says_what_the_setting_wants() -> None:
    assert all(len(row) == 3 and row[2] for row in rows(DOCS / "deploying.md", "Settings"))


def test_the_readme_names_no_setting_that_is_gone() -> None:
    named = {name for row in rows(ROOT / "README.md", "Settings") for name in names(row[0])}
    assert named <= read_settings()


def test_the_example_for_development_names_no_setting_that_is_gone() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    assert {line.partition("=")[0] for line in lines if "=" in line and line[0] != "#"} <= read_settings()
