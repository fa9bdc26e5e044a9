"""Instances of models from rows of statements that are put together once.

For what every step asks: a query set works out anew, each time, which column is which field.
"""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Model

Row = TypeVar("Row", bound=Model)
Reading = Callable[[Any, Any, Any], Any]


def columns(model: type[Model], alias: str) -> str:
    """All columns of the model's table, as `taken` expects their values."""
    return ", ".join(f'{alias}."{field.column}"' for field in model._meta.concrete_fields)


def taken(model: type[Row], values: Iterator[Any]) -> Row:
    """An instance of the next values, as many as the model has columns."""
    names, readings = _fields(model)
    found = [
        value if reading is None else reading(value, None, connection)
        for reading, value in zip(readings, islice(values, len(readings)), strict=True)
    ]
    return model.from_db(connection.alias, names, found)


@cache
def _fields(model: type[Model]) -> tuple[list[str], list[Reading | None]]:
    fields = model._meta.concrete_fields
    return [field.attname for field in fields], [getattr(field, "from_db_value", None) for field in fields]
