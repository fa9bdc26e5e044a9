import shutil
from pathlib import Path

import pytest

from sandbox.github import repository as module
from sandbox.github.gitlog import GitError
from sandbox.github.repository import GitRepository
from tests.sandbox.github.histories import BOB, Planned, add_commits, git, make_repository


@pytest.fixture(autouse=True)
def _always_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_AGAIN_SECONDS", 0)


def _log(path: Path, *arguments: str) -> list[str]:
    return git(path, "log", "--format=%H", *arguments).decode().split()


def _head(repository: GitRepository) -> str:
    assert repository.head is not None
    return repository.head


def test_the_order_from_every_commit_is_that_of_git_log(tricky: Path) -> None:
    repository = GitRepository(tricky)

    for oid in _log(tricky):
        assert list(repository.order(oid)) == _log(tricky, oid)


def test_commits_of_one_author_keep_that_order(tricky: Path) -> None:
    repository = GitRepository(tricky)

    found = repository.select(_head(repository), emails=frozenset(["bob@example.org"]))

    assert list(found) == _log(tricky, "--author=<bob@example.org>")


def test_addresses_are_compared_exactly(tricky: Path) -> None:
    repository = GitRepository(tricky)

    assert len(repository.select(_head(repository), emails=frozenset(["Alice@Example.org"]))) == 1


def test_dates_are_compared_with_the_committer_date_as_git_does(tricky: Path) -> None:
    repository = GitRepository(tricky)
    head = _head(repository)

    for since, until in ((1767704400, None), (None, 1767704400), (1767697200, 1767711600)):
        options = [f"--since=@{since}"] if since else []
        options += [f"--until=@{until}"] if until else []
        assert set(repository.select(head, since=since, until=until)) == set(_log(tricky, *options))


def test_new_commits_appear_and_old_heads_stay(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "r", [Planned(), Planned()])
    repository = GitRepository(path)
    before = _head(repository)

    add_commits(path, [Planned(b"New\n", BOB)])
    repository.refresh()

    assert _head(repository) == _log(path)[0] != before
    assert list(repository.order(_head(repository))) == _log(path)
    assert list(repository.order(before)) == _log(path, before)


def test_a_rewritten_history_replaces_the_old_one(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "r", [Planned(), Planned()])
    repository = GitRepository(path)
    before = _head(repository)

    git(path, "update-ref", "refs/heads/main", f"{before}~1")
    repository.refresh()

    assert list(repository.order(_head(repository))) == _log(path)
    assert len(repository.order(before)) == 2


def test_an_empty_repository_has_no_head_until_the_first_commit(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "r")
    repository = GitRepository(path)
    assert repository.head is None

    add_commits(path, [Planned()])
    repository.refresh()

    assert repository.head == _log(path)[0]


def test_a_detached_head_is_that_commit(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "r", [Planned(), Planned()])
    git(path, "checkout", "--quiet", "--detach", "HEAD~1")

    repository = GitRepository(path)

    assert (repository.head, repository.branch) == (_log(path, "HEAD")[0], "HEAD")


def test_bare_and_linked_work_trees_are_served(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "r", [Planned()])
    git(path, "clone", "--quiet", "--bare", ".", str(tmp_path / "copy.git"))
    git(path, "worktree", "add", "--quiet", "-b", "other", str(tmp_path / "linked"))

    bare, linked = GitRepository(tmp_path / "copy.git"), GitRepository(tmp_path / "linked")

    assert (bare.name, linked.name) == ("copy", "linked")
    assert bare.head == linked.head == _log(path)[0]
    add_commits(path, [Planned()], branch="other")
    linked.refresh()
    assert linked.head == _log(path, "other")[0]


def test_packed_refs_are_followed(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "r", [Planned()])
    repository = GitRepository(path)

    add_commits(path, [Planned()])
    git(path, "pack-refs", "--all")
    repository.refresh()

    assert repository.head == _log(path)[0]


def test_a_folder_that_vanishes_is_gone(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "r", [Planned()])
    repository = GitRepository(path)

    shutil.rmtree(path)
    repository.refresh()

    assert repository.is_gone


@pytest.mark.parametrize("name", ["missing", "r/below"])
def test_a_path_that_is_no_repository_is_refused(tmp_path: Path, name: str) -> None:
    make_repository(tmp_path / "r", [Planned()])
    (tmp_path / "r" / "below").mkdir()

    with pytest.raises(GitError, match="not a git repository"):
        GitRepository(tmp_path / name)


def test_trees_and_blobs_are_read(tricky: Path) -> None:
    repository = GitRepository(tricky)

    entries = {entry.path: entry for entry in repository.tree(_head(repository), recursive=True)}

    assert entries["folder"].type == "tree"
    assert entries["track.fit"].size == 3
    assert repository.blob(entries["track.fit"].oid) == b"\0\1\2"
    assert repository.object_type(entries["track.fit"].oid) == "blob"
    assert repository.object_type("0" * 40) is None
    assert repository.object_type("--help") is None


def test_a_commit_on_no_branch_is_found_by_its_oid(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "r", [Planned(), Planned()])
    before = _log(path)[0]
    git(path, "update-ref", "refs/heads/main", f"{before}~1")

    repository = GitRepository(path)

    found = repository.commit(before)
    assert found is not None
    assert list(repository.order(before)) == _log(path, before)


def test_a_path_selects_the_commits_that_touched_it(tricky: Path) -> None:
    repository = GitRepository(tricky)

    assert repository.touching(_head(repository), "c") == set(_log(tricky, "--", "c"))
    assert repository.touching(_head(repository), "/folder/") == set(_log(tricky, "--", "folder"))
