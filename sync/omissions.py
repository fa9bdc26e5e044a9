"""What a member wants left out of the files, whatever GitHub tells: texts, counts, repositories. Pure.

It is applied twice: to what is staged, so that nothing of it is kept on the way, and to each week that is
written, so that it vanishes from files that held it before.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from sync.records import CALENDAR, CENSUS, KINDS, Entry, Record

# Which fields of a record are words that somebody wrote. They become null.
TEXTS: Mapping[str, tuple[str, ...]] = {
    "commits": ("message",),
    "issues": ("title", "body"),
    "pull_requests": ("title", "body"),
    "reviews": ("pull_request_title", "body"),
    "comments": ("subject_title", "body"),
    "discussions": ("title", "body"),
    "gists": ("description",),
    "releases": ("name", "body"),
}
# The same for the parts inside a record.
NESTED_TEXTS = ("body",)
# Of nobody's choice but the member's own: a secret gist has no other owner.
OPEN = ("public", "secret")


def owner_of(name: str) -> str:
    return name.partition("/")[0].lower()


@dataclass(frozen=True, slots=True)
class Omissions:
    """`repositories` are GitHub's node ids, `owners` logins in lower case.

    Private repositories of others are ticked one by one: `organizations` are the ticked owners beside the
    member, None where nobody was asked, and `unticked` those that a member looked at and did not tick. Only
    what was unticked goes from files: an owner's name may change, and nothing may vanish by that.

    GitHub's calendar counts private work in the same number as public work, so leaving out private counts
    takes the calendar with it.
    """

    texts: bool = False
    private_counts: bool = False
    repositories: frozenset[str] = frozenset()
    owners: frozenset[str] = frozenset()
    organizations: frozenset[str] | None = None
    unticked: frozenset[str] = frozenset()

    @classmethod
    def of(cls, agreement: Mapping[str, Any]) -> Self:
        ticked = agreement.get("organizations")
        named = agreement.get("left_out", [])
        return cls(
            texts=not agreement.get("texts", True),
            private_counts=not agreement.get("private_counts", True),
            repositories=frozenset(item["id"] for item in named if "id" in item),
            owners=frozenset(item["owner"].lower() for item in named if "owner" in item),
            organizations=None if ticked is None else frozenset(map(str.lower, ticked)),
            unticked=frozenset(map(str.lower, agreement.get("organizations_out", []))),
        )

    def adds_to(self, other: "Omissions") -> bool:
        """Whether anything is left out here that is not left out there."""
        return (
            self.texts > other.texts
            or self.private_counts > other.private_counts
            or not self.repositories <= other.repositories
            or not self.owners <= other.owners
            or not self.unticked <= other.unticked
            or (
                self.organizations is not None
                and (other.organizations is None or not other.organizations <= self.organizations)
            )
        )

    def covers_repository(self, node_id: str, name: str) -> bool:
        return node_id in self.repositories or owner_of(name) in self.owners

    def covers_private(self, name: str, visibility: str) -> bool:
        """Whether a repository that is not public belongs to an owner who was unticked."""
        return visibility not in OPEN and owner_of(name) in self.unticked

    def is_unticked(self, name: str, visibility: str, login: str) -> bool:
        """Whether it is not public and belongs neither to the member nor to an owner who was ticked."""
        if self.organizations is None or visibility in OPEN:
            return False
        return owner_of(name) not in {*self.organizations, login.lower()}

    def covers(self, node_id: str, name: str, visibility: str, login: str) -> bool:
        """Whether nothing of this repository may be kept of the member of this login."""
        return (
            self.covers_repository(node_id, name)
            or self.covers_private(name, visibility)
            or self.is_unticked(name, visibility, login)
        )

    def without(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """A week of a year file as it is to be written."""
        kept = dict(content)
        for kind in KINDS:
            if kind in kept:
                kept[kind] = [self._bare(kind, record) for record in kept[kind] if not self._covers(record)]
        if self.private_counts and CALENDAR in kept:
            kept[CALENDAR] = {}
        return kept

    def entries(self, entries: Iterable[tuple[str, Entry]], login: str) -> Iterator[tuple[str, Entry]]:
        """What may be staged of (kind of file, entry) for the member of this login."""
        for file, entry in entries:
            if entry.kind == CALENDAR:
                if not self.private_counts:
                    yield file, entry
            elif entry.kind == CENSUS:
                yield file, entry
            elif not self._covers(entry.data) and not self._is_unticked(entry.data, login):
                yield file, Entry(entry.kind, entry.week, self._bare(entry.kind, entry.data))

    def _covers(self, record: Record) -> bool:
        name, visibility = str(record.get("repository") or ""), str(record.get("visibility"))
        return self.covers_repository(str(record.get("repository_id")), name) or self.covers_private(
            name, visibility
        )

    def _is_unticked(self, record: Record, login: str) -> bool:
        name = record.get("repository")
        return bool(name) and self.is_unticked(str(name), str(record.get("visibility")), login)

    def _bare(self, kind: str, record: Record) -> Record:
        if not self.texts:
            return record
        bare = {**record, **{field: None for field in TEXTS.get(kind, ()) if field in record}}
        for name in KINDS[kind].nested:
            if name in record:
                bare[name] = [{**part, **dict.fromkeys(NESTED_TEXTS)} for part in record[name]]
        return bare
