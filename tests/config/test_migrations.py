"""Migrations run beside the code of the release before, which goes on writing rows as it knows them."""

from collections.abc import Iterator, Sequence
from importlib import import_module

import pytest
from django.db import connection, models
from django.db.migrations import AddField, AlterField, RemoveField, RenameField, RenameModel
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models.functions import Now

from sync.models import OperatorAction, SyncStop
from tests.sync.factories import make_subscription

# Up to these nothing had been released, so no code of before can meet them.
UNRELEASED = {"accounts": "0005", "sync": "0014"}


def complaint(app: str, operation: Operation, state: ProjectState) -> str:
    """Why the code of before could not go on; empty where it can."""
    if isinstance(operation, RenameField | RenameModel):
        return f"{operation.describe()}: the code of before knows the old name"
    if isinstance(operation, AlterField):
        was = state.models[app, operation.model_name.lower()].get_field(operation.name)
        # A default would not help: the code of before names the column and gives it NULL.
        if was.null and not operation.field.null:
            return f"{operation.describe()}: the code of before writes NULL"
    if not isinstance(operation, AddField) or operation.field.many_to_many:
        return ""
    field = operation.field
    # Django takes a `default` away again once old rows have it.
    if field.null or field.has_db_default():
        return ""
    return f"{operation.describe()}: rows written without it are refused; it wants null or db_default"


def complaints(app: str, operations: Sequence[Operation], state: ProjectState) -> Iterator[str]:
    """Of one migration; `state` is what it finds, and goes on with it."""
    for operation in operations:
        if text := complaint(app, operation, state):
            yield text
        operation.state_forwards(app, state)


def test_no_migration_refuses_what_the_code_of_before_writes() -> None:
    loader = MigrationLoader(None)
    found: list[str] = []
    for (app, name), migration in loader.disk_migrations.items():
        if app in UNRELEASED and name[:4] > UNRELEASED[app]:
            found += complaints(app, migration.operations, loader.project_state((app, name), at_end=False))
    assert found == []


@pytest.mark.parametrize(
    ("operation", "is_refused"),
    [
        (AddField("syncstop", "note", models.TextField(default="")), True),
        (AddField("syncstop", "note", models.TextField(db_default="")), False),
        (AddField("syncstop", "note", models.TextField(null=True)), False),
        (RenameField("syncstop", "reason", "why"), True),
        (RenameModel("SyncStop", "Stop"), True),
        (RemoveField("syncstop", "reason"), False),
        (AlterField("syncrun", "resume_at", models.DateTimeField(db_default=Now())), True),
        (AlterField("syncrun", "resume_at", models.DateTimeField(null=True, db_index=True)), False),
        (AlterField("syncstop", "reason", models.TextField()), False),
    ],
)
def test_the_rule_tells_what_is_refused(operation: Operation, is_refused: bool) -> None:
    assert bool(list(complaints("sync", [operation], MigrationLoader(None).project_state()))) is is_refused


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


@pytest.mark.django_db
def test_what_operators_wrote_about_members_who_are_gone_goes() -> None:
    forget_words = import_module("sync.migrations.0015_receipts_of_operators").FORGET_WORDS
    written = {"operator": "ada", "reason": "octocat asked by mail"}
    still_here = OperatorAction.objects.create(kind="delete", subscription=make_subscription(), **written)
    of_everybody = OperatorAction.objects.create(kind="stop", **written)
    gone = OperatorAction.objects.create(kind="delete", **written)

    with connection.cursor() as cursor:
        cursor.execute(forget_words)

    reasons = dict(OperatorAction.objects.values_list("pk", "reason"))
    assert reasons == {still_here.pk: written["reason"], of_everybody.pk: written["reason"], gone.pk: ""}
