"""From things of the catalogue to the objects that GraphQL fields are read from.

A node has one attribute for each field of its type, in snake case; those with arguments are methods that take
`info` first. Each `resolve_*` module registers the nodes of its subject with `node_for`.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache, singledispatch
from typing import Any, TypeVar

from sandbox.github.items import Item
from sandbox.github.paging import Connection, Info, KeyCursors, connect
from sandbox.github.reading import Reading
from sandbox.github.world import Ordered, ordered

_ORDERS = {"CREATED_AT": "created", "UPDATED_AT": "updated", "PUSHED_AT": "updated", "COMMENTS": "comments"}
SomeItem = TypeVar("SomeItem", bound=Item)


@singledispatch
def node_for(thing: Any, _reading: Reading) -> Any:
    raise TypeError(f"{type(thing).__name__} has no node")


def item_node(item: Item, reading: Reading) -> Any:
    """An error as a value where the item is kept back: graphql-core then blames this place of the list."""
    return reading.obstacles.refusal_of_item(item) or node_for(item, reading)


def order_field(order: dict[str, str] | None) -> str:
    """Without an order: as they were created."""
    return _ORDERS[order["field"]] if order else "created"


def item_connection(
    reading: Reading,
    info: Info,
    items: Iterable[SomeItem],
    window: dict[str, Any],
    order: dict[str, str] | None = None,
) -> Connection[SomeItem]:
    """Of the few items below another one."""
    return ordered_connection(reading, info, ordered(items, order_field(order)), window, order)


def ordered_connection(
    reading: Reading,
    info: Info,
    items: Ordered[SomeItem],
    window: dict[str, Any],
    order: dict[str, str] | None = None,
) -> Connection[SomeItem]:
    """Of items in ascending order."""
    is_descending = order is not None and order["direction"] == "DESC"
    step = -1 if is_descending else 1
    cursors = KeyCursors(items.keys[::step], is_descending)
    return connect(info, items.items[::step], lambda item: item_node(item, reading), cursors, window)


def resolve_field(source: Any, info: Info, **arguments: Any) -> Any:
    """The one resolver of every field."""
    if info.context.obstacles.field_errors:
        info.context.obstacles.check_field(info.field_name)
    name = snake_case(info.field_name)
    value = source[name] if isinstance(source, Mapping) else getattr(source, name)
    if callable(value):
        return value(info, **{snake_case(key): argument for key, argument in arguments.items()})
    return value


@cache
def snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
