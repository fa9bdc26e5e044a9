"""Encrypting everything that is encrypted anew, with the newest key of `TOKEN_KEYS`.

Row by row, each in a transaction of its own: it may be interrupted and started again at any moment, beside
running web processes and workers, and goes on with what is still under an older key.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Substr

from accounts.encryption import DecryptionFailed, decrypt, encrypt, newest_head


@dataclass
class Rotated:
    """What one pass did. `unreadable` counts rows by what the decryption said; they were left alone."""

    renewed: int = 0
    unreadable: dict[str, int] = field(default_factory=dict)


def encrypted_models() -> list[type[models.Model]]:
    """Every model that says which of its columns are encrypted, and for which place."""
    return [model for model in apps.get_models() if hasattr(model, "encrypted_places")]


def columns_of(model: type[models.Model]) -> list[str]:
    return [column.name for column in model._meta.get_fields() if column.name.startswith("encrypted_")]


def outdated(model: type[models.Model]) -> "models.QuerySet[Any]":
    """Rows with a value that does not begin like those of the newest key."""
    head = newest_head()
    is_outdated = Q()
    rows = model._default_manager.order_by("pk")
    for column in columns_of(model):
        begins = Substr(column, 1, len(head), output_field=models.BinaryField())
        rows = rows.annotate(**{f"{column}_head": begins})
        is_outdated |= Q(**{f"{column}__isnull": False}) & ~Q(**{f"{column}_head": head})
    return rows.filter(is_outdated)


def rotate(model: type[models.Model], done: Rotated, *, is_rehearsal: bool = False) -> Iterator[models.Model]:
    """Renew all outdated rows of a model, yielding each; a rehearsal only reads and changes nothing."""
    for key in list(outdated(model).values_list("pk", flat=True)):
        with transaction.atomic():
            row: Any = model._default_manager.select_for_update(of=("self",)).filter(pk=key).first()
            if row is None:
                continue  # deleted meanwhile
            try:
                renewed = _renewed(row)
            except DecryptionFailed as error:
                done.unreadable[str(error)] = done.unreadable.get(str(error), 0) + 1
            else:
                if not is_rehearsal:
                    model._default_manager.filter(pk=key).update(**renewed)
                done.renewed += 1
        yield row


def _renewed(row: Any) -> dict[str, bytes]:
    """The row's encrypted columns under the newest key; read back, so that nothing unreadable is stored."""
    renewed = {}
    for column, place in row.encrypted_places.items():
        stored = getattr(row, column)
        if stored is not None:
            plain = decrypt(stored, place)
            renewed[column] = encrypt(plain, place)
            if decrypt(renewed[column], place) != plain:
                raise DecryptionFailed(f"A value of {column} could not be read back.")
    return renewed
