"""What members took out of their archives, remembered as keyed hashes alone, so that nothing brings it back.

A mark is an HMAC with a key that each member has for this alone; it is kept encrypted with `TOKEN_KEYS`, so
that it outlives their rotation. Of a commit the oid is marked: it names the same commit in a repository that
was renamed or made again. A repository is marked by its id and, for the old app's files, by its name.
"""

import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from accounts.encryption import encrypt
from sync.legacy.github_json import PSEUDO_ID
from sync.models import LeftOut, Subscription
from sync.records import KINDS, Record

KEY_BYTES = 32


@dataclass(frozen=True)
class Memory:
    """One member's marks. `covers` answers for what is read, held or on its way."""

    key: bytes = field(repr=False, default=b"")
    marks: frozenset[str] = frozenset()
    # Repositories come again and again, with each record.
    _repositories: dict[str, bool] = field(default_factory=dict, repr=False, compare=False)

    def covers(self, kind: str, record: Record) -> bool:
        if not self.marks or kind not in KINDS:
            return False
        return self.covers_key(kind, KINDS[kind].key_of(record), record.get("repository_id"))

    def covers_key(self, kind: str, key: tuple[str, ...], repository_id: object) -> bool:
        """`repository_id` is whatever stands in the record: a file may have been changed by hand."""
        if not self.marks:
            return False
        if isinstance(repository_id, str) and repository_id and self.covers_repository(repository_id):
            return True
        return self._mark(record_identity(kind, key)) in self.marks

    def covers_repository(self, repository_id: str) -> bool:
        if not self.marks:
            return False
        known = self._repositories.get(repository_id)
        if known is None:
            known = self._mark(repository_identity(repository_id)) in self.marks
            self._repositories[repository_id] = known
        return known

    def _mark(self, identity: str) -> str:
        return mark(self.key, identity)


def mark(key: bytes, identity: str) -> str:
    # Half a character, as a file changed by hand may hold, is marked like any other.
    return hmac.digest(key, identity.encode("utf-8", "surrogatepass"), "sha256").hex()


def record_identity(kind: str, key: tuple[str, ...]) -> str:
    return " ".join(["record", kind, *(key[1:] if kind == "commits" else key)])


def repository_identity(repository_id: str) -> str:
    """Node ids tell upper from lower case; names, which stand for ids in the old app's files, do not."""
    is_name = repository_id.startswith(PSEUDO_ID)
    return f"repository {repository_id.casefold() if is_name else repository_id}"


def memory_of(subscription: Subscription) -> Memory:
    """Asked anew for each batch and each file: the member may have added to it a moment ago."""
    marks = frozenset(subscription.left_out.values_list("mark", flat=True))
    if not marks:
        return Memory()
    subscription.refresh_from_db(fields=["encrypted_left_out_key"])
    return Memory(subscription.left_out_key, marks)


def remember_record(subscription: Subscription, kind: str, record: Record) -> None:
    key = _key(subscription)
    identity = record_identity(kind, KINDS[kind].key_of(record))
    _remember(subscription, {mark(key, identity): LeftOut.What.RECORD})


def remember_repository(subscription: Subscription, ids: Iterable[str], names: Iterable[str]) -> None:
    """One repository, by all ids that its name has had, and all names that its ids have had."""
    key = _key(subscription)
    identities = [repository_identity(each) for each in (*ids, *(PSEUDO_ID + name for name in names))]
    marks = {mark(key, identity): LeftOut.What.ALIAS for identity in identities}
    _remember(subscription, {**marks, mark(key, identities[0]): LeftOut.What.REPOSITORY})


def _key(subscription: Subscription) -> bytes:
    """The caller holds the subscription's row."""
    if subscription.encrypted_left_out_key is None:
        key = secrets.token_bytes(KEY_BYTES)
        subscription.encrypted_left_out_key = encrypt(key, subscription.left_out_place)
        subscription.save(update_fields=["encrypted_left_out_key"])
    return subscription.left_out_key


def _remember(subscription: Subscription, marks: dict[str, LeftOut.What]) -> None:
    for each, what in marks.items():
        LeftOut.objects.get_or_create(subscription=subscription, mark=each, defaults={"what": what})
