"""Which files of a repository may be tracks, and which of them are unlikely to be the member's. Pure.

`tree` is what GitHub's REST API answers for a recursive git tree: entries with `path`, `type`, `mode`, `sha`
(docs.github.com/en/rest/git/trees). Oids are content addresses: the same oid is the same file, wherever it
lies.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sync.tracks.detect import named_format

SYMBOLIC_LINK = "120000"
# Paths with words that begin like this hold other people's tracks, or some that nobody rode.
UNLIKELY = ("test", "unittest", "sample", "example", "fixture", "vendor", "demo", "thirdparty")
_WORD = re.compile(r"[a-z0-9]+")
_CAMEL = re.compile(r"([a-z0-9])([A-Z])")


@dataclass(frozen=True, slots=True, order=True)
class Candidate:
    path: str
    oid: str
    size: int = 0

    @property
    def folder(self) -> str:
        """Empty for the repository's top."""
        return self.path.rpartition("/")[0]


def find_candidates(tree: Iterable[Mapping[str, Any]]) -> list[Candidate]:
    """Files that by their name may hold tracks, by path; links and submodules are none."""
    return sorted(
        Candidate(entry["path"], entry["sha"], entry.get("size") or 0)
        for entry in tree
        if entry["type"] == "blob" and entry.get("mode") != SYMBOLIC_LINK and named_format(entry["path"])
    )


def is_unlikely(path: str) -> bool:
    """Whether any word of the path, folders or file name, begins like test, sample, example and so on."""
    return any(word.startswith(UNLIKELY) for word in _words(path))


def _words(path: str) -> list[str]:
    """Of `src/rideTests/my-samples.gpx`: src, ride, tests, my, samples, gpx, and ridetests as well."""
    parts = _CAMEL.sub(r"\1 \2", path).lower()
    return _WORD.findall(parts) + _WORD.findall(path.lower())
