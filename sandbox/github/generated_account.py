"""An account of any size, made up from a seed: the same seed and size give the same bytes at every start.

The member's commits fall on the repositories by Zipf's law: the second has half as many as the first, the
third a third. Seven of ten repositories are the member's own, the others belong to two organisations or to
strangers, and a few of their own are forks, without commits of the member. Everything ends at `until`, so
that nothing depends on the day.
"""

import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sandbox.github.catalogue import Catalogue
from sandbox.github.generated_files import Files
from sandbox.github.generated_history import GeneratedHistory, Person
from sandbox.github.generated_items import ItemMaker
from sandbox.github.generated_size import Size
from sandbox.github.generated_words import headline
from sandbox.github.gitlog import Signature
from sandbox.github.history import GitTag
from sandbox.github.hosted import Account, Organization, Profile, Repository
from sandbox.github.ids import numeric_id
from sandbox.github.items import Activity
from sandbox.github.made import Made

UNTIL = datetime(2026, 11, 16, tzinfo=UTC)
_DAY = 86_400
_YEAR = 31_557_600
_SOURCES = ("main.py", "main.go", "main.rs", "index.ts", "app.js", "Main.java", "lib.c", "analysis.r")
_NAMES = ("Ada", "Ben", "Chi", "Dana", "Eli", "Fay", "Gus", "Hana", "Ivo", "Jun", "Kim", "Lea", "Max", "Noor")
_STRANGE = "people.example"


class GeneratedAccount(NamedTuple):
    """What was made, and the maker of more of it."""

    made: Made
    items: ItemMaker


def generate(
    catalogue: Catalogue, size: Size, *, seed: int = 0, until: datetime = UNTIL, login: str | None = None
) -> GeneratedAccount:
    """Fill the catalogue. A member it has already gets all of it; else one is made."""
    made = Made(catalogue, size, random.Random(f"{seed} {size}"))
    maker = _Maker(made, str(seed), int(until.timestamp()), login)
    maker.make_people()
    maker.make_repositories()
    maker.make_forks()
    items = ItemMaker(made, maker.start, maker.end)
    items.make()
    maker.make_starred(items)
    catalogue.refresh()
    return GeneratedAccount(made, items)


class _Maker:
    def __init__(self, made: Made, seed: str, end: int, login: str | None) -> None:
        self._made = made
        self._catalogue = made.catalogue
        self._chance = made.chance
        self._seed = seed
        self._login = login or "member"
        self.end = end
        self.start = end - made.size.years * _YEAR

    def make_people(self) -> None:
        catalogue, size = self._catalogue, self._made.size
        if not hasattr(catalogue, "member"):
            email = f"{self._login}@member.example"
            catalogue.member = catalogue.add_account([email], self._login, self._login.title())
            catalogue.member.spellings.add(email)
        member = catalogue.member
        member.first_seconds = min(member.first_seconds or self.start, self.start)
        member.profile = Profile(
            bio=f"Generated with seed {self._seed}",
            company="@stand-in",
            location="Nowhere",
            website_url="https://member.example",
            twitter_username="generated",
        )
        for number in range(12 + size.repositories // 5):
            name = f"{_NAMES[number % len(_NAMES)]} {number}"
            login = name.replace(" ", "-").lower()
            other = catalogue.add_account([f"{login}@{_STRANGE}"], login, name)
            other.spellings.update(other.emails)
            other.first_seconds = self.start
            self._made.others.append(other)
            if number % 3:
                other.follows.add(member.id)
            if number % 4 == 0:
                member.follows.add(other.id)

    def make_repositories(self) -> None:
        size = self._made.size
        counts = zipf(size.commits, max(1, size.repositories - self._forks))
        organizations = [self._organization(number) for number in range(2)] if len(counts) > 3 else []
        for place, count in enumerate(counts):
            owner: Account | Organization = self._catalogue.member
            if place % 10 in {3, 6} and organizations:
                owner = organizations[place % 2]
            elif place % 10 == 4:
                owner = self._made.others[place % len(self._made.others)]
            is_private = place % 5 == 2 or (place % 10 == 6)
            self._make_repository(place, count, owner, is_private=is_private)

    def make_forks(self) -> None:
        """Of strangers' repositories the member contributed to."""
        foreign = [each for each in self._made.repositories if each.owner in self._made.others]
        for place in range(self._forks):
            if foreign:
                parent = foreign[place % len(foreign)]
                name = f"{parent.name}-fork-{place}" if place >= len(foreign) else parent.name
                fork = self._add(name, self._catalogue.member, self._made.histories[parent.id])
                fork.parent = parent
                fork.first_seconds = parent.created_seconds + _DAY

    def make_starred(self, items: ItemMaker) -> None:
        """The member's stars are on strangers' repositories that have nothing else."""
        empty = GeneratedHistory("starred", self._seed, [], Files("main.py"))
        for number in range(self._made.size.stars * self._made.size.years):
            owner = self._made.others[number % len(self._made.others)]
            repository = self._add(f"starred-{number}", owner, empty)
            repository.first_seconds = self.start
            items.star(repository)

    @property
    def _forks(self) -> int:
        return self._made.size.repositories // 20

    def _organization(self, number: int) -> Organization:
        organization = self._catalogue.add_organization(f"org-{number}")
        organization.created_seconds = self.start
        organization.members.add(self._catalogue.member.id)
        organization.members.update(other.id for other in self._made.others[: 4 + number])
        return organization

    def _make_repository(
        self, place: int, count: int, owner: Account | Organization, *, is_private: bool
    ) -> None:
        size, chance = self._made.size, self._chance
        name = f"{headline(place * 7 + 3).split()[2]}-{place}"
        first = self.start if place < 2 else int(chance.uniform(self.start, self.end - _YEAR / 4))
        lived = self.end - first
        last = self.end if place < 4 else first + int(lived * chance.uniform(0.2, 1))
        carries_tracks = place < 3 and size.tracks > 0 and owner is self._catalogue.member
        files = Files(
            _SOURCES[place % len(_SOURCES)],
            tracks=size.tracks if carries_tracks and place == 0 else 0,
            binary=size.binary_tracks if carries_tracks and place == 0 else 0,
            first_seconds=first,
        )
        people = [self._catalogue.member, *self._people_of(place, owner)]
        history = GeneratedHistory(
            name,
            self._seed,
            [Person(each.name or each.login, sorted(each.spellings)[0]) for each in people],
            files,
        )
        is_shared = owner is not self._catalogue.member
        others = count if is_shared else count // 20
        self._commit(history, count, others, first, last)
        repository = self._add(name, owner, history, is_private=is_private and owner not in self._made.others)
        repository.first_seconds = first
        if owner is self._catalogue.member:
            repository.collaborators.update(each.id for each in people[1:])
            if place % 12 == 11:
                repository.archived_seconds = repository.touched_seconds = self.end - _DAY
        self._made.repositories.append(repository)
        self._made.histories[repository.id] = history
        self._tag(history, place, last)

    def _people_of(self, place: int, owner: Account | Organization) -> Sequence[Account]:
        others = self._made.others
        team = [others[(place * 3 + step) % len(others)] for step in range(4)]
        if isinstance(owner, Account) and owner in others and owner not in team:
            team.append(owner)
        return team

    def _commit(self, history: GeneratedHistory, own: int, others: int, first: int, last: int) -> None:
        chance = self._chance
        moments = sorted(_moments(chance, own + others, first, last))
        by_others = set(chance.sample(range(own + others), others)) if others else set()
        people = len(history.people) - 1
        for number, moment in enumerate(moments):
            author = 1 + number % people if number in by_others and people else 0
            late = 0 if number % 30 else chance.randrange(2 * _DAY)
            history.append(
                moment,
                author=author,
                offset_minutes=_offset(moment, author),
                committed=min(moment + late, self.end),
            )
        if moments:
            history.move_head(len(moments) - 1)

    def _tag(self, history: GeneratedHistory, place: int, last: int) -> None:
        """The first repositories have releases, one a month at most, the newest first thinned out."""
        size = self._made.size
        total = size.releases * size.years
        mine = total // (place + 2) if place < 20 and len(history) else 0
        step = max(1, len(history) // max(1, mine))
        for number in range(0, len(history), step) if mine else ():
            moment = history.authored_seconds(number) + 600
            tagger = history.people[0]
            version = f"v{number // step // 10}.{number // step % 10}.0"
            version += "-rc1" if number // step % 7 == 6 else ""
            signature = Signature(tagger.name, tagger.email, min(moment, last), 0)
            history.releases.append(GitTag(version, history.oid(number), signature, "Generated release"))

    def _add(
        self, name: str, owner: Account | Organization, history: GeneratedHistory, *, is_private: bool = False
    ) -> Repository:
        number = numeric_id("generated", self._seed, owner.login, name)
        while self._catalogue.repository_by_id(number):
            number += 1
        repository = Repository(number, name, owner, history, is_private=is_private)
        self._made.activities[number] = Activity()
        return self._catalogue.add_repository(repository)


def zipf(total: int, parts: int) -> list[int]:
    """At least one each; the largest takes what rounding leaves over."""
    harmonic = sum(1 / rank for rank in range(1, parts + 1))
    counts = [max(1, math.floor(total / harmonic / rank)) for rank in range(1, parts + 1)]
    counts[0] += total - sum(counts)
    return counts


def _moments(chance: random.Random, count: int, first: int, last: int) -> list[int]:
    """Most in the hours between 8 and 23 UTC; a third on one of few busy days."""
    days = max(1, (last - first) // _DAY)
    busy = [chance.randrange(days) for _ in range(1 + days // 20)]
    start = first - first % _DAY
    return [
        min(
            last - 1,
            max(
                first,
                start
                + (chance.choice(busy) if chance.random() < 1 / 3 else chance.randrange(days)) * _DAY
                + 8 * 3600
                + int(chance.random() * 15 * 3600),
            ),
        )
        for _ in range(count)
    ]


def _offset(moment: int, author: int) -> int:
    """The member is at +1 in winter and +2 in summer, and now and then in California; others stay at home."""
    if author:
        return (-480, 0, 330, 540)[author % 4]
    day = moment // _DAY
    if day % 61 < 4:
        return -420
    return 120 if 90 < day % 365 < 300 else 60
