"""The inventory names every column there is, and none that is gone."""

import re

from django.apps import apps

from tests.docs.tables import DOCS, names, rows
from tests.secrets.search import our_columns

PAGE = DOCS / "data-inventory.md"


def inventory() -> dict[str, list[str]]:
    """{table.column: its row} of our own tables."""
    return {row[0].strip("`"): row for row in rows(PAGE) if re.fullmatch(r"`\w+\.\w+`", row[0])}


def test_every_column_has_a_line_and_every_line_a_column() -> None:
    assert set(inventory()) == our_columns()


def test_each_line_says_what_it_holds_what_for_and_how_long() -> None:
    unsaid = [column for column, row in inventory().items() if len(row) != 4 or not all(row)]
    assert unsaid == []


def test_tables_of_packages_are_named() -> None:
    said = {name for row in rows(PAGE, "Tables of packages") for name in names(row[0])}
    theirs = {
        model._meta.db_table
        for model in apps.get_models()
        if model._meta.app_label not in ("accounts", "sync")
    }
    missing = {
        table for table in theirs if not any(re.fullmatch(name.replace("*", ".*"), table) for name in said)
    }
    assert missing == set()


def test_secrets_stand_in_encrypted_columns_only() -> None:
    marked = {column for column, row in inventory().items() if "encrypted**" in row[1]}
    assert marked == {column for column in our_columns() if ".encrypted_" in column}
