"""Who was erased, remembered outside of the database, so that a restored backup brings nobody back.

Each act is one line: when, what went, and a keyed hash of the member's id at Open Humans. It is appended to
the file that ERASURE_LIST names, and stands in the log for hosts whose disks do not last. Without TOKEN_KEYS
nobody can tell from it who that was.
"""

import errno
import hashlib
import hmac
import logging
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.encryption import fingerprint
from accounts.models import User
from sync.models import EraseScope

logger = logging.getLogger(__name__)
# The last word on somebody: no row is left.
GONE = "gone"
# Something was taken out of an archive, or one of its files deleted; which it was, no list may tell.
REMOVED = "removed"
# An erasing is being asked for. Whether that was committed, only the next line tells.
ASKING = "asking"
# The other acts are the scopes of an erasing that was asked for.
ACTS = (GONE, REMOVED, ASKING, *(scope.value for scope in EraseScope if scope != EraseScope.FILE))
LINE = re.compile(rf"(\d{{4}}-\d\d-\d\dT[\d:.]+\+00:00) ({'|'.join(ACTS)}) ([0-9a-f]{{8}}):([0-9a-f]{{64}})")


@dataclass(frozen=True, slots=True, order=True)
class Erasure:
    """One line. `key` is the fingerprint of the key that the mark was made with."""

    at: datetime
    act: str
    key: str
    mark: str


def act_of(scope: EraseScope) -> str:
    return REMOVED if scope == EraseScope.FILE else scope.value


def note_asked(user: User, act: str) -> None:
    """Remember now that something is asked for, and once the current transaction is committed what.

    What was rolled back was not asked for: the first line alone erases nothing, but has its member asked.
    A process that is killed in between loses the second; the run that erases writes it with `note_done`.
    """
    name = _name(user, act)
    _write(_name(user, ASKING))
    transaction.on_commit(lambda: _write(name))


def note_done(user: User, act: str) -> None:
    """Remember it now, as the last act of a transaction, so that none is committed that no line tells of.

    Rather a line too many. Where the commit fails, the same is done again and has another line. Should it not
    be, because its member came back at that moment, then a restore of an older backup forgets rows that a
    sign-in rebuilds from the member's files, or asks a member in vain what is to be left out. A line too few
    would collect again what somebody had erased.
    """
    _write(_name(user, act))


def _name(user: User, act: str) -> str:
    """Made while there is a member to make the mark of."""
    key = settings.TOKEN_KEYS[0]
    return f"{act} {fingerprint(key).hex()}:{_mark(user, key)}"


def _write(name: str) -> None:
    """Nobody is kept from leaving by a full disk: then the line stands in the log alone."""
    line = f"{timezone.now().isoformat()} {name}"
    logger.info("Erasure: %s", line)
    if not settings.ERASURE_LIST:
        return
    try:
        _append(settings.ERASURE_LIST, line)
    except OSError as error:
        logger.error("ERASURE_LIST cannot be written (%s); it lacks: %s", error.strerror, line)


def _append(path: str, line: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        # One call, so that lines of several processes never mix.
        content = line.encode() + b"\n"
        if os.write(descriptor, content) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _mark(user: User, key: bytes) -> str:
    return hmac.new(key, f"erased:{user.open_humans_id}".encode(), hashlib.sha256).hexdigest()


def read(lines: Iterable[str]) -> list[Erasure]:
    """Oldest first, each once. A line may have more around it, as in a log."""
    found = (LINE.search(line) for line in lines)
    return sorted(
        {Erasure(datetime.fromisoformat(one[1]), one[2], one[3], one[4]) for one in found if one is not None}
    )


def unknown_keys(erasures: Iterable[Erasure]) -> set[str]:
    """Fingerprints of keys that marks were made with and that TOKEN_KEYS no longer has."""
    return {erasure.key for erasure in erasures} - {fingerprint(key).hex() for key in settings.TOKEN_KEYS}


def of_those_who_are_here(erasures: Iterable[Erasure]) -> Iterator[tuple[User, Erasure]]:
    """Each erasure with its member, of those who have a row that is older than it.

    A younger row is somebody's who came back after the erasure, and stays.
    """
    marks = {
        _mark(user, key): user
        for user in User.objects.exclude(open_humans_id=None).iterator(chunk_size=1000)
        for key in settings.TOKEN_KEYS
    }
    for erasure in erasures:
        user = marks.get(erasure.mark)
        if user is not None and user.date_joined < erasure.at:
            yield user, erasure
