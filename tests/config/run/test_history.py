from datetime import datetime
from pathlib import Path

import pytest

from config.run.errors import UsageError
from config.run.history import most_active, of_author, read_history, require_repository, served_names
from tests.config.run.gitting import Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "a checkout")


def test_a_commit_with_all_its_values(repository: Repository) -> None:
    repository.commit("first", files={"a.txt": "1\n2\n3\n", "b.bin": b"\0\1\2"})
    oid = repository.commit("subject\n\nbody \x1e with é", files={"a.txt": "1\nzwei\n3\n4\n"})
    newest = read_history(repository.folder)[0]
    assert (newest.repository, newest.oid) == ("a-checkout", oid)
    assert newest.email == "alice@example.org"
    assert newest.authored_at == datetime.fromisoformat("2026-04-27T09:12:01+02:00")
    assert newest.authored_at.isoformat() == "2026-04-27T09:12:01+02:00"
    assert newest.message == "subject\n\nbody \x1e with é"
    assert (newest.additions, newest.deletions, newest.changed_files) == (2, 1, 1)


def test_a_binary_file_has_no_lines_and_an_empty_commit_neither(repository: Repository) -> None:
    repository.commit("binary", files={"b.bin": b"\0\1\2", "a.txt": "1\n"})
    repository.commit("empty")
    empty, binary = read_history(repository.folder)
    assert (binary.additions, binary.deletions, binary.changed_files) == (1, 0, 2)
    assert (empty.additions, empty.deletions, empty.changed_files) == (0, 0, 0)


def test_a_merge_counts_its_lines_against_the_first_parent(repository: Repository) -> None:
    repository.commit("base", files={"a.txt": "1\n"})
    repository.git("checkout", "--quiet", "-b", "side")
    repository.commit("side", files={"b.txt": "1\n2\n"})
    repository.git("checkout", "--quiet", "main")
    repository.commit("main", files={"c.txt": "1\n"})
    author = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org"}
    repository.git("merge", "--quiet", "--no-ff", "-m", "merge", "side", **author)
    merge = next(commit for commit in read_history(repository.folder) if commit.message == "merge")
    assert (merge.additions, merge.deletions) == (2, 0)


def test_a_renamed_file_counts_only_what_changed(repository: Repository) -> None:
    repository.commit("first", files={"a.txt": "1\n2\n3\n4\n5\n6\n"})
    repository.git("mv", "a.txt", "b.txt")
    repository.commit("renamed", files={"b.txt": "1\n2\n3\n4\n5\n6\n7\n"})
    assert (read_history(repository.folder)[0].additions, read_history(repository.folder)[0].deletions) == (
        1,
        0,
    )


def test_an_empty_repository_has_no_history(repository: Repository) -> None:
    assert read_history(repository.folder) == []


def test_only_the_checked_out_branch_counts(repository: Repository) -> None:
    repository.commit("main")
    repository.git("checkout", "--quiet", "-b", "other")
    repository.commit("other")
    repository.git("checkout", "--quiet", "main")
    assert [commit.message for commit in read_history(repository.folder)] == ["main"]


def test_the_author_is_the_one_with_most_commits_whatever_the_spelling(repository: Repository) -> None:
    for email in ("bob@example.org", "Alice@example.org", "alice@Example.org"):
        repository.commit("one", email=email)
    history = read_history(repository.folder)
    assert most_active(history) == "alice@example.org"
    assert len(of_author(history, "ALICE@example.org")) == 2


def test_of_equals_the_first_in_the_alphabet_is_taken(repository: Repository) -> None:
    for email in ("bob@example.org", "alice@example.org", "carol@example.org"):
        repository.commit("one", email=email)
    assert most_active(read_history(repository.folder)) == "alice@example.org"
    assert most_active([]) is None


def test_what_is_no_repository_is_refused_by_name(tmp_path: Path, repository: Repository) -> None:
    require_repository(repository.folder)
    with pytest.raises(UsageError, match=r"absent is no folder\. Name git checkouts with REPO"):
        require_repository(tmp_path / "absent")
    (tmp_path / "plain").mkdir()
    with pytest.raises(UsageError, match="plain is no git repository"):
        require_repository(tmp_path / "plain")


def test_folders_of_one_name_are_told_apart_as_the_stand_in_does() -> None:
    folders = [Path("/a/My maps"), Path("/b/my maps"), Path("/b/tool.git"), Path("/c/tool")]
    assert served_names(folders) == ["My-maps", "my-maps-2", "tool", "tool-2"]
