"""Migrations run beside the code of the release before, which goes on writing rows as it knows them."""

import re
from collections.abc import Iterator, Sequence
from importlib import import_module

import pytest
from django.db import connection, models
from django.db.migrations import (
    AddConstraint,
    AddField,
    AlterField,
    AlterModelTable,
    AlterUniqueTogether,
    DeleteModel,
    RemoveField,
    RenameField,
    RenameModel,
    RunSQL,
    SeparateDatabaseAndState,
)
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models.functions import Now

from config.run.folders import CHECKOUT
from sync.models import OperatorAction, SyncStop
from tests.sync.factories import make_subscription

# Up to these nothing had been released, so no code of before can meet them.
UNRELEASED = {"accounts": "0005", "sync": "0014"}
# {"app.migration": release}: since that one the code has done without what the migration takes away, or kept
# what it demands. The release must be out: its code is the code of before.
PREPARED_SINCE: dict[str, str] = {}
RENAMES = (RenameField, RenameModel, AlterModelTable)
TAKES_AWAY = re.compile(r"\b(drop|rename)\b", re.IGNORECASE)


def complaint(app: str, operation: Operation, state: ProjectState) -> str:
    """Why the code of before could not go on, whatever it was prepared for; empty where it can."""
    if isinstance(operation, RENAMES):
        return f"{operation.describe()}: the code of before knows the old name"
    if isinstance(operation, RemoveField):
        return f"{operation.describe()}: the code of before selects it; take it out of the state first"
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


def wants_preparing(app: str, operation: Operation, state: ProjectState) -> str:
    """What only a release that was prepared for it stands; empty for all else."""
    if isinstance(operation, AddConstraint | AlterUniqueTogether) or _becomes_unique(app, operation, state):
        return f"{operation.describe()}: the code of before may write rows that it refuses"
    if isinstance(operation, DeleteModel) or (
        isinstance(operation, RunSQL) and TAKES_AWAY.search(str(operation.sql))
    ):
        return f"{operation.describe()}: the code of before may use it"
    return ""


def _becomes_unique(app: str, operation: Operation, state: ProjectState) -> bool:
    if not isinstance(operation, AlterField) or not operation.field.unique:
        return False
    return not state.models[app, operation.model_name.lower()].get_field(operation.name).unique


def complaints(
    app: str, operations: Sequence[Operation], state: ProjectState, *, is_prepared: bool = False
) -> Iterator[str]:
    """Of one migration; `state` is what it finds, and goes on with it."""
    for operation in operations:
        # What concerns the state alone leaves the database as the code of before knows it.
        for done in _in_the_database(operation):
            if text := complaint(app, done, state):
                yield text
            if not is_prepared and (text := wants_preparing(app, done, state)):
                yield f"{text}; name the migration in PREPARED_SINCE"
        operation.state_forwards(app, state)


def _in_the_database(operation: Operation) -> Sequence[Operation]:
    return operation.database_operations if isinstance(operation, SeparateDatabaseAndState) else (operation,)


def test_no_migration_refuses_what_the_code_of_before_does() -> None:
    loader = MigrationLoader(None)
    found: list[str] = []
    for (app, name), migration in loader.disk_migrations.items():
        if app in UNRELEASED and name[:4] > UNRELEASED[app]:
            state = loader.project_state((app, name), at_end=False)
            is_prepared = f"{app}.{name}" in PREPARED_SINCE
            found += complaints(app, migration.operations, state, is_prepared=is_prepared)
    assert found == []


def test_what_a_migration_was_prepared_by_is_released() -> None:
    headings = re.findall(r"^## (\S+)", (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(PREPARED_SINCE.values()) <= {*headings} - {"Unreleased"}


@pytest.mark.parametrize(
    ("operation", "is_refused"),
    [
        (AddField("syncstop", "note", models.TextField(default="")), True),
        (AddField("syncstop", "note", models.TextField(db_default="")), False),
        (AddField("syncstop", "note", models.TextField(null=True)), False),
        (RenameField("syncstop", "reason", "why"), True),
        (RenameModel("SyncStop", "Stop"), True),
        (AlterModelTable("syncstop", "stops"), True),
        (RemoveField("syncstop", "reason"), True),
        (SeparateDatabaseAndState(state_operations=[RemoveField("syncstop", "reason")]), False),
        (SeparateDatabaseAndState([RemoveField("syncstop", "reason")]), True),
        (AlterField("syncrun", "resume_at", models.DateTimeField(db_default=Now())), True),
        (AlterField("syncrun", "resume_at", models.DateTimeField(null=True, db_index=True)), False),
        (AlterField("syncstop", "reason", models.TextField()), False),
    ],
)
def test_the_rule_tells_what_is_refused(operation: Operation, is_refused: bool) -> None:
    for is_prepared in (False, True):
        state = MigrationLoader(None).project_state()
        assert bool(list(complaints("sync", [operation], state, is_prepared=is_prepared))) is is_refused


@pytest.mark.parametrize(
    "operation",
    [
        DeleteModel("SyncStop"),
        RunSQL("alter table sync_syncstop drop column reason"),
        RunSQL("ALTER TABLE sync_syncstop RENAME reason TO why"),
        AddConstraint("syncstop", models.CheckConstraint(condition=~models.Q(reason=""), name="says_why")),
        AlterUniqueTogether("syncrun", {("trigger", "step")}),
        AlterField("syncstop", "reason", models.TextField(unique=True)),
    ],
)
def test_what_is_taken_away_or_demanded_wants_a_release_that_was_prepared(operation: Operation) -> None:
    found = list(complaints("sync", [operation], MigrationLoader(None).project_state()))
    assert [text.endswith("name the migration in PREPARED_SINCE") for text in found] == [True]
    state = MigrationLoader(None).project_state()
    assert list(complaints("sync", [operation], state, is_prepared=True)) == []


def test_sql_that_only_changes_rows_is_no_concern() -> None:
    sql = RunSQL("update sync_operatoraction set reason = ''")
    assert list(complaints("sync", [sql], MigrationLoader(None).project_state())) == []


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
