"""What members wrote and what they keep to themselves, in words that are found again wherever they turn up.

They may stand in the member's files at Open Humans, and the names in the columns that docs/data-inventory.md
names.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.repositories import Repository

# In every message: what members wrote stands in their files and nowhere else.
MARKER = "a-penguin-walked-by"
NAME, FOLDER, FILE = "walrus-in-a-name", "heron-in-a-folder", "otter-in-a-path"
PRIVATE_NAMES: Mapping[str, str] = {NAME: "a name", FOLDER: "a folder", FILE: "a path"}
MESSAGE = f"{MARKER} in private"


def private_repository(path: Path, email: str) -> Repository:
    """Six commits of this person, and a ride; it is to lie outside of what is searched.

    Its name at GitHub is to be `NAME`, and there it is to be made private.
    """
    # Where nothing is planted, Django may not be set up.
    from tests.sync.tracking.rides import ride

    newest = datetime.now(UTC).replace(microsecond=0) - timedelta(days=5)
    repository = Repository.create(path, email)
    moments = [(newest - timedelta(days=9 * n)).isoformat() for n in range(6)]
    repository.add(reversed(moments), message=f"{MESSAGE} {{n}}")
    repository.write({f"{FOLDER}/{FILE}.gpx": ride()}, newest.isoformat())
    return repository
