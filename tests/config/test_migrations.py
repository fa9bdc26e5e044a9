"""Migrations run beside the code of the release before, which goes on writing rows as it knows them."""

from collections.abc import Iterator

import pytest
from django.db import connection, models
from django.db.migrations import AddField, RemoveField, RenameField, RenameModel
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from sync.models import SyncStop

# Up to these nothing had been released, so no code of before can meet them.
UNRELEASED = {"accounts": "0005", "sync": "0014"}


def complaint(operation: Operation) -> str:
    """Why the code of before could not go on; empty where it can."""
    if isinstance(operation, RenameField | RenameModel):
        return f"{operation.describe()}: the code of before knows the old name"
    if not isinstance(operation, AddField) or operation.field.many_to_many:
        return ""
    field = operation.field
    # Django takes a `default` away again once old rows have it.
    if field.null or field.has_db_default():
        return ""
    return f"{operation.describe()}: rows written without it are refused; it wants null or db_default"


def later_operations() -> Iterator[Operation]:
    for (app, name), migration in MigrationLoader(None).disk_migrations.items():
        if app in UNRELEASED and name[:4] > UNRELEASED[app]:
            yield from migration.operations


def test_no_migration_refuses_what_the_code_of_before_writes() -> None:
    assert [text for text in map(complaint, later_operations()) if text] == []


@pytest.mark.parametrize(
    ("operation", "is_refused"),
    [
        (AddField("syncstop", "note", models.TextField(default="")), True),
        (AddField("syncstop", "note", models.TextField(db_default="")), False),
        (AddField("syncstop", "note", models.TextField(null=True)), False),
        (RenameField("syncstop", "reason", "why"), True),
        (RenameModel("SyncStop", "Stop"), True),
        (RemoveField("syncstop", "reason"), False),
    ],
)
def test_the_rule_tells_what_is_refused(operation: Operation, is_refused: bool) -> None:
    assert bool(complaint(operation)) is is_refused


@pytest.mark.django_db(transaction=True)
def test_the_code_of_before_writes_rows_of_a_table_that_has_a_column_more() -> None:
    """What the rule rests on, on the real server; `SyncStop` is the model without the column."""
    field = models.TextField(db_default="nothing yet")
    field.set_attributes_from_name("note")
    field.model = SyncStop
    with connection.schema_editor() as editor:
        editor.add_field(SyncStop, field)
    try:
        stop = SyncStop.objects.create(reason="Postgres is moved.")
        with connection.cursor() as cursor:
            cursor.execute("select note from sync_syncstop where id = %s", [stop.pk])
            assert cursor.fetchone() == ("nothing yet",)
    finally:
        SyncStop.objects.all().delete()
        with connection.schema_editor() as editor:
            editor.remove_field(SyncStop, field)
