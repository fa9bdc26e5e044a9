"""Every commit of a repository full of pitfalls, compared with what git itself says."""

import os
import subprocess
from pathlib import Path

import pytest

from sandbox.github.gitlog import GitError, Statistics, iter_commits, read_changes, read_statistics
from tests.sandbox.github.histories import ALICE, Planned, git, make_repository


def _shown(path: Path, oid: str, form: str) -> str:
    return git(path, "show", "-s", f"--format={form}", "--date=iso-strict", oid).decode("utf-8", "replace")


def test_every_commit_is_what_git_shows(tricky: Path) -> None:
    commits = list(iter_commits(tricky / ".git", "HEAD"))

    assert [commit.oid for commit in commits] == git(tricky, "log", "--format=%H").decode().split()
    for commit in commits:
        for field, form in {
            commit.tree: "%T",
            " ".join(commit.parents): "%P",
            commit.author.name: "%an",
            commit.author.email: "%ae",
            commit.committer.email: "%ce",
            str(commit.author.seconds): "%at",
            str(commit.committer.seconds): "%ct",
            commit.message: "%B",
        }.items():
            assert field == _shown(tricky, commit.oid, form).rstrip("\n")
        assert commit.author.local.replace("+00:00", "Z") == _shown(
            tricky, commit.oid, "%ad"
        ).strip().replace("+00:00", "Z")


def test_statistics_are_those_of_git_show_against_the_first_parent(tricky: Path) -> None:
    oids = git(tricky, "log", "--format=%H").decode().split()

    found = read_statistics(tricky / ".git", oids)

    assert set(found) == set(oids)
    for oid in oids:
        lines = git(tricky, "show", "--first-parent", "-m", "--numstat", "--format=", oid).splitlines()
        counts = [[0 if part == b"-" else int(part) for part in line.split(b"\t")[:2]] for line in lines]
        assert found[oid][:3] == (sum(a for a, _ in counts), sum(d for _, d in counts), len(counts))


def test_a_merge_counts_what_it_brought_to_its_first_parent(tricky: Path) -> None:
    merge = git(tricky, "log", "--merges", "--format=%H").decode().strip()

    assert read_statistics(tricky / ".git", [merge])[merge] == Statistics(10, 0, 1, "side")


def test_changes_name_renamed_binary_and_deleted_files(tricky: Path) -> None:
    by_headline = {commit.headline: commit.oid for commit in iter_commits(tricky / ".git", "HEAD")}

    renamed = read_changes(tricky / ".git", by_headline["Rename"])
    binary = read_changes(tricky / ".git", by_headline["Binary"])
    deleted = read_changes(tricky / ".git", by_headline["Again about #3"])

    assert [(each.path, each.old_path, each.status) for each in renamed] == [
        ("folder/b name.txt", "a.txt", "renamed")
    ]
    assert {each.path: each.additions for each in binary} == {"track.fit": 0, "ä.txt": 1}
    assert [(each.status, each.oid, each.deletions) for each in deleted] == [("removed", None, 10)]


def test_dates_no_calendar_has_are_the_start_of_1970(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "r")
    tree = git(path, "write-tree").decode().strip()
    raw = b"tree %s\nauthor %s 99999999999999 +9999\ncommitter %s 1 +0000\n\nOdd\n"
    oid = subprocess.run(
        ["git", "-C", str(path), "hash-object", "-t", "commit", "-w", "--stdin", "--literally"],
        input=raw % (tree.encode(), ALICE, ALICE),
        capture_output=True,
        check=True,
    ).stdout.decode()

    (commit,) = iter_commits(path / ".git", oid.strip())

    assert commit.author.utc == "1970-01-01T00:00:00Z"
    assert commit.author.local == "1970-01-01T00:00:00+00:00"
    assert commit.author.day.isoformat() == "1970-01-01"


def test_the_configuration_of_the_person_changes_nothing(
    tricky: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = list(iter_commits(tricky / ".git", "HEAD"))
    configuration = tmp_path / "gitconfig"
    configuration.write_text("[diff]\n\trenames = false\n[log]\n\tdate = relative\n\tdecorate = full\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.fspath(configuration))
    monkeypatch.setenv("GIT_DIR", "/nowhere")

    assert list(iter_commits(tricky / ".git", "HEAD")) == before
    renamed = next(commit.oid for commit in before if commit.headline == "Rename")
    assert read_statistics(tricky / ".git", [renamed])[renamed][:3] == (0, 0, 1)


def test_an_unknown_revision_is_an_error(tricky: Path) -> None:
    with pytest.raises(GitError, match="f00"):
        list(iter_commits(tricky / ".git", "f00"))


def test_a_repository_with_one_empty_message_is_read(tmp_path: Path) -> None:
    path = make_repository(tmp_path / "r", [Planned(b"")])

    (commit,) = iter_commits(path / ".git", "HEAD")

    assert (commit.message, commit.headline, commit.body) == ("", "", "")
