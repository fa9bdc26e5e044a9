"""Where what is held of a history and what GitHub says agree, so that nothing older has to be read. Pure.

Commits are tallied by the ISO week of their committer date, which orders a history: {week: [how many, sum of
their oids' first 48 bits modulo 2**48]}. Equal tallies hold the same commits. An oid stands for a commit with
all its ancestors, so one known commit tells that everything below it is as it was; what was merged beside it
shows in the totals.
"""

from collections.abc import Iterable, Mapping, Sequence

from sync.weeks import Week

Tallies = Mapping[str, Sequence[int]]
NOTHING = (0, 0)
_DIGITS = 12
_MODULUS = 16**_DIGITS


def tally(commits: Iterable[tuple[str, str]]) -> dict[str, list[int]]:
    """Of (week, oid)."""
    tallies: dict[str, list[int]] = {}
    for week, oid in commits:
        of_week = tallies.setdefault(week, [0, 0])
        of_week[0] += 1
        of_week[1] = (of_week[1] + int(oid[:_DIGITS], 16)) % _MODULUS
    return tallies


def added(first: Tallies, second: Tallies) -> dict[str, list[int]]:
    return {
        week: [
            first.get(week, NOTHING)[0] + second.get(week, NOTHING)[0],
            (first.get(week, NOTHING)[1] + second.get(week, NOTHING)[1]) % _MODULUS,
        ]
        for week in {*first, *second}
    }


def count(tallies: Tallies) -> int:
    return sum(of_week[0] for of_week in tallies.values())


def agreement(held: Tallies, seen: Tallies, total: int, *, is_joined: bool) -> Week | None:
    """The newest week at and before which held and said agree, so that nothing older needs to be read.

    A history is paged newest first. After the pages seen so far, `total - seen(after w)` commits of the new
    history lie in week w or before it; if the held ones number the same, and nothing seen contradicts them,
    every new commit has been met. Only weeks from the oldest one seen on are candidates: of those the pages
    have gone through everything newer. `is_joined` tells that the newest held commit was among the seen ones;
    without it, a week with the very same commits has to be found. None where nothing agrees yet.
    """
    if not seen:
        return None
    oldest = min(seen)
    for week in sorted({*held, *seen}, reverse=True):
        if week < oldest:
            break
        after = count({each: seen[each] for each in seen if each > week})
        older = count({each: held[each] for each in held if each <= week})
        if total - after == older and _is_as_held(held, seen, week, is_joined=is_joined):
            return Week.parse(week)
    return None


def _is_as_held(held: Tallies, seen: Tallies, week: str, *, is_joined: bool) -> bool:
    """Whether the weeks up to this one look as they did; of the oldest one more may be to come."""
    oldest = min(seen)
    whole = [each for each in {*held, *seen} if oldest < each <= week]
    if any(tuple(held.get(each, NOTHING)) != tuple(seen.get(each, NOTHING)) for each in whole):
        return False
    return (bool(whole) or is_joined) and seen[oldest][0] <= held.get(oldest, NOTHING)[0]


def united(held: Tallies, seen: Tallies, boundary: Week | None) -> dict[str, list[int]]:
    """What is held once a reading has come to agreement at `boundary`, or to the history's end (None)."""
    limit = str(boundary) if boundary else ""
    kept = {week: list(of_week) for week, of_week in held.items() if week <= limit}
    return kept | {week: list(of_week) for week, of_week in seen.items() if week > limit}


def same_weeks(held: Tallies, seen: Tallies) -> set[str]:
    """Weeks that hold the very commits that were seen."""
    return {week for week in seen if tuple(seen[week]) == tuple(held.get(week, NOTHING))}


def vanished(held: Tallies, seen: Tallies, boundary: Week | None, *, is_joined: bool) -> list[str]:
    """Weeks after the boundary from which held commits may have gone, oldest first.

    None have where the newest held commit is still there and no week has fewer than before: then all that
    differs was added.
    """
    limit = str(boundary) if boundary else ""
    weeks = sorted(week for week in held if week > limit)
    if is_joined and all(seen.get(week, NOTHING)[0] >= held[week][0] for week in weeks):
        return []
    return [week for week in weeks if tuple(held[week]) != tuple(seen.get(week, NOTHING))]
