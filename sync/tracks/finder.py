"""Which files of a repository may be tracks, how they are shown to the member, and what changed. Pure.

`tree` is what GitHub's REST API answers for a recursive git tree: entries with `path`, `type`, `mode`, `sha`
(docs.github.com/en/rest/git/trees). Oids are content addresses: the same oid is the same file, wherever it
lies.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class Folder:
    """One line of the page that asks the member; `is_ticked` is only where it starts from."""

    repository: str
    path: str
    files: int
    is_ticked: bool


@dataclass(slots=True)
class Changes:
    """What a tree says compared to the one before, in oids and paths.

    `replaced` maps the oid of an older version that lies nowhere any more to the one that took its path.
    Files that are gone are not named: what GitHub forgets, the archive keeps.
    """

    new: list[Candidate] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    replaced: dict[str, str] = field(default_factory=dict)


def find_candidates(tree: Iterable[Mapping[str, Any]]) -> list[Candidate]:
    """Files that by their name may hold tracks, by path; links and submodules are none."""
    return sorted(
        Candidate(entry["path"], entry["sha"], entry.get("size") or 0)
        for entry in tree
        if entry["type"] == "blob" and entry.get("mode") != SYMBOLIC_LINK and named_format(entry["path"])
    )


def group_by_folder(repository: str, candidates: Iterable[Candidate], *, is_fork: bool) -> list[Folder]:
    """The folders of one repository with the number of different files in each, by path."""
    different = {candidate.oid: candidate for candidate in sorted(candidates, reverse=True)}
    counts = Counter(candidate.folder for candidate in different.values())
    likely = {candidate.folder for candidate in different.values() if not is_unlikely(candidate.path)}
    return [
        Folder(repository, folder, count, is_ticked=not is_fork and folder in likely)
        for folder, count in sorted(counts.items())
    ]


def is_unlikely(path: str) -> bool:
    """Whether any word of the path, folders or file name, begins like test, sample, example and so on."""
    return any(word.startswith(UNLIKELY) for word in _words(path))


def _words(path: str) -> list[str]:
    """Of `src/rideTests/my-samples.gpx`: src, ride, tests, my, samples, gpx, and ridetests as well."""
    parts = _CAMEL.sub(r"\1 \2", path).lower()
    return _WORD.findall(parts) + _WORD.findall(path.lower())


def compare(before: Mapping[str, str], after: Iterable[Candidate]) -> Changes:
    """Compare the paths and oids held (`{path: oid}`) with the candidates of a newer tree."""
    changes, candidates = Changes(), sorted(after)
    present = {candidate.oid for candidate in candidates}
    held = set(before.values())
    paths: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        paths.setdefault(candidate.oid, []).append(candidate)
    for oid, places in paths.items():
        if oid not in held:
            changes.new.append(places[0])
        elif all(before.get(place.path) != oid for place in places):
            changes.moved[oid] = places[0].path
    for candidate in candidates:
        older = before.get(candidate.path)
        if older is not None and older not in present:
            changes.replaced[older] = candidate.oid
    return changes
