"""A made-up history answers like git does."""

import hashlib

import pytest

from sandbox.github.generated_files import Files
from sandbox.github.generated_history import GeneratedHistory, Person

ADA, BEN = Person("Ada", "ada@example.org"), Person("Ben", "Ben@example.org")
START = 1_767_225_600
DAY = 86_400


@pytest.fixture
def history() -> GeneratedHistory:
    made = GeneratedHistory("thing", "seed", [ADA, BEN], Files("main.py", tracks=3, binary=1))
    for day in range(6):
        made.append(START + day * DAY, author=day % 2, offset_minutes=-420 if day == 3 else 60)
    made.move_head(5)
    return made


def _oids(history: GeneratedHistory) -> list[str]:
    assert history.head is not None
    return list(history.order(history.head))


def test_an_empty_one_has_no_head() -> None:
    empty = GeneratedHistory("empty", "seed", [], Files("main.py"))

    assert empty.head is None
    assert empty.branches() == []
    assert empty.resolve("HEAD") is None
    assert empty.languages() == {}


def test_the_newest_commit_comes_first(history: GeneratedHistory) -> None:
    commits = [history.commit(oid) for oid in _oids(history)]

    assert [commit.author.seconds for commit in commits if commit] == [
        START + day * DAY for day in range(5, -1, -1)
    ]
    assert commits[0]
    assert commits[1]
    assert commits[0].parents == (commits[1].oid,)
    assert commits[-1] is not None
    assert commits[-1].parents == ()


def test_oids_are_forty_digits_and_known_by_themselves(history: GeneratedHistory) -> None:
    oids = _oids(history)

    assert len(set(oids)) == 6
    assert all(len(oid) == 40 and int(oid, 16) >= 0 for oid in oids)
    assert [history.object_type(oid) for oid in oids] == ["commit"] * 6


@pytest.mark.parametrize("oid", ["0" * 40, "", "zz", "f" * 64])
def test_what_was_never_made_is_unknown(history: GeneratedHistory, oid: str) -> None:
    assert history.object_type(oid) is None
    assert history.commit(oid) is None
    assert history.resolve(oid) is None
    with pytest.raises(KeyError):
        history.order(oid)


def test_a_file_has_the_address_that_git_gives_its_content(history: GeneratedHistory) -> None:
    commit = history.commit(_oids(history)[0])
    assert commit is not None
    files = [each for each in history.tree(commit.tree, recursive=True) if each.type == "blob"]

    assert len({each.oid for each in files}) == len(files) == 5
    for each in files:
        content = history.blob(each.oid)
        blob = b"blob %d\0%s" % (len(content), content)
        assert each.oid == hashlib.sha1(blob, usedforsecurity=False).hexdigest()
        assert each.size == len(content)


def test_histories_of_another_name_have_other_oids(history: GeneratedHistory) -> None:
    other = GeneratedHistory("another", "seed", [ADA], Files("main.py"))
    other.move_head(other.append(START))

    assert other.head not in _oids(history)
    assert history.object_type(str(other.head)) is None


def test_authors_are_told_apart_by_the_spelling(history: GeneratedHistory) -> None:
    head = str(history.head)

    assert len(history.select(head, emails=frozenset(["ada@example.org"]))) == 3
    assert len(history.select(head, emails=frozenset(["Ben@example.org"]))) == 3
    assert len(history.select(head, emails=frozenset(["ben@example.org"]))) == 0


def test_dates_choose_by_the_committer_both_ends_included(history: GeneratedHistory) -> None:
    head, oids = str(history.head), _oids(history)

    assert list(history.select(head, since=START + 4 * DAY)) == oids[:2]
    assert list(history.select(head, until=START + DAY)) == oids[4:]
    assert list(history.select(head, since=START + DAY, until=START + 2 * DAY)) == oids[3:5]


def test_days_are_the_authors_own(history: GeneratedHistory) -> None:
    days = history.author_days(str(history.head), frozenset([ADA.email, BEN.email]))

    first = 739_617  # 1 January 2026
    assert [day for _, day in days] == [first + day for day in (5, 4, 2, 2, 1, 0)]


def test_a_history_from_an_older_head_stays(history: GeneratedHistory) -> None:
    before, oids = str(history.head), _oids(history)
    history.move_head(history.append(START + 9 * DAY, parent=history.head_number))

    assert list(history.order(before)) == oids
    assert _oids(history)[1:] == oids


def test_a_merge_brings_its_side_in_order_of_commit_dates(history: GeneratedHistory) -> None:
    side = history.append(START + DAY + 5, parent=0)
    merge = history.append(START + 9 * DAY, parent=5, second_parent=side)
    history.move_head(merge)

    commits = [commit for oid in _oids(history) if (commit := history.commit(oid))]

    assert len(commits) == 8
    assert commits[0].parents == (history.oid(5), history.oid(side))
    assert commits[0].message.startswith("Merge branch")
    seconds = [commit.committer.seconds for commit in commits]
    assert seconds == sorted(seconds, reverse=True)


def test_names_resolve_as_in_git(history: GeneratedHistory) -> None:
    head = str(history.head)
    commit = history.commit(head)
    assert commit is not None

    for name in ("HEAD", "main", "refs/heads/main", head, "HEAD^{commit}", "main^{}"):
        assert history.resolve(name) == head
    assert history.resolve("HEAD^{tree}") == commit.tree
    assert history.resolve("HEAD:") == commit.tree
    assert history.resolve("HEAD:nothing.txt") is None
    assert history.resolve("HEAD:main.py") is not None
    assert history.resolve("other") is None


def test_the_tree_has_files_and_a_folder(history: GeneratedHistory) -> None:
    root = str(history.resolve("HEAD^{tree}"))

    top = history.tree(root)
    everything = history.tree(root, recursive=True)

    assert [(entry.path, entry.type) for entry in top] == [
        ("README.md", "blob"),
        ("main.py", "blob"),
        ("tracks", "tree"),
    ]
    assert len(everything) == 6
    assert history.object_type(top[2].oid) == "tree"
    assert [entry.path for entry in history.tree(top[2].oid)] == [
        entry.path.removeprefix("tracks/") for entry in everything[3:]
    ]
    for entry in everything:
        if entry.type == "blob":
            assert len(history.blob(entry.oid)) == entry.size
            assert history.object_type(entry.oid) == "blob"


def test_a_track_came_with_one_commit_and_the_source_with_all(history: GeneratedHistory) -> None:
    head = str(history.head)
    track = next(
        entry.path
        for entry in history.tree(str(history.resolve("HEAD^{tree}")), recursive=True)
        if entry.path.endswith(".gpx")
    )

    assert len(history.touching(head, track)) == 1
    assert history.touching(head, "main.py") == set(_oids(history))
    assert history.touching(head, "no.txt") == set()


def test_statistics_and_changes_agree(history: GeneratedHistory) -> None:
    for oid in _oids(history):
        statistics = history.statistics(oid)
        changes = history.changes(oid)

        assert statistics.additions > 0
        assert len(changes) == statistics.changed_files
        assert sum(change.additions for change in changes) == statistics.additions
        assert sum(change.deletions for change in changes) == statistics.deletions


def test_the_language_follows_the_source(history: GeneratedHistory) -> None:
    assert list(history.languages()) == ["Python"]
    assert history.disk_usage() > 0
