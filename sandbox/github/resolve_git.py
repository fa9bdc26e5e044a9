"""GraphQL's commits: what they say, and their history."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sandbox.github.errors import QueryError
from sandbox.github.gitlog import Commit, Signature, Statistics
from sandbox.github.hosted import GitObjectName
from sandbox.github.nodes import item_connection, node_for
from sandbox.github.paging import Connection, HistoryCursors, Info, KeyCursors, connect, selected_names
from sandbox.github.reading import HistoryPage, Reading
from sandbox.github.resolve_objects import BlobNode, GitObjectNode, TagNode, TreeEntryNode, TreeNode

_CO_AUTHOR = re.compile(r"^Co-authored-by:([^<\n]*)<([^>\n]+)>", re.IGNORECASE | re.MULTILINE)


@node_for.register
def _(name: GitObjectName, reading: Reading) -> GitObjectNode | None:
    """The node of whatever has this oid; None if nothing has."""
    repository, oid = name
    kind = repository.git.object_type(oid)
    if kind == "commit":
        commit = repository.git.commit(oid)
        return CommitNode(reading, repository, oid, commit) if commit else None
    if kind == "tree":
        return TreeNode(reading, repository, oid)
    if kind == "blob":
        return BlobNode(reading, repository, oid)
    return TagNode(reading, repository, oid) if kind == "tag" else None


@dataclass(frozen=True)
class CommitNode(GitObjectNode):
    commit: Commit
    nearby: Sequence[str] = ()
    """The page this commit stands on, whose statistics are read together."""

    typename = "Commit"
    prefix = "C"

    @property
    def message(self) -> str:
        return self.commit.message

    @property
    def message_headline(self) -> str:
        return self.commit.headline

    @property
    def message_body(self) -> str:
        return self.commit.body

    @property
    def authored_date(self) -> str:
        return self.commit.author.utc

    @property
    def committed_date(self) -> str:
        return self.commit.committer.utc

    @property
    def committed_via_web(self) -> bool:
        return self.commit.committer.email == "noreply@github.com"

    @property
    def authored_by_committer(self) -> bool:
        return self.commit.author.email == self.commit.committer.email

    @property
    def author(self) -> "GitActorNode":
        return GitActorNode(self.reading, self.commit.author)

    @property
    def committer(self) -> "GitActorNode":
        return GitActorNode(self.reading, self.commit.committer)

    def additions(self, _info: Info) -> int:
        return self._statistics("additions").additions

    def deletions(self, _info: Info) -> int:
        return self._statistics("deletions").deletions

    def changed_files(self, _info: Info) -> int:
        return self._statistics("changedFiles").changed_files

    @property
    def changed_files_if_available(self) -> int | None:
        if self.reading.obstacles.lacks_statistics(self.oid):
            return None
        return self._statistics("changedFiles").changed_files

    def authors(self, info: Info, **window: Any) -> Connection[Signature]:
        commit = self.commit
        others = [
            commit.author._replace(name=name.strip(), email=email)
            for name, email in _CO_AUTHOR.findall(commit.message)
        ]
        return _actors(self.reading, info, [commit.author, *others], window)

    def parents(self, info: Info, **window: Any) -> Connection[str]:
        oids = self.commit.parents
        return connect(info, oids, self._commit_node, KeyCursors([(0, oid) for oid in oids]), window)

    def comments(self, info: Info, **window: Any) -> Connection[Any]:
        activity = self.reading.world.activity(self.git_repository)
        comments = [each for each in activity.commit_comments if each.oid == self.oid]
        return item_connection(self.reading, info, comments, window)

    def associated_pull_requests(
        self, info: Info, order_by: dict[str, str] | None = None, **window: Any
    ) -> Connection[Any]:
        activity = self.reading.world.activity(self.git_repository)
        requests = [each for each in activity.pull_requests if self.oid in (each.head_oid, each.merge_oid)]
        return item_connection(self.reading, info, requests, window, order_by)

    @property
    def tree(self) -> "TreeNode":
        return TreeNode(self.reading, self.git_repository, self.commit.tree)

    @property
    def tree_resource_path(self) -> str:
        return f"/{self.git_repository.full_name}/tree/{self.oid}"

    @property
    def tree_url(self) -> str:
        return self.reading.web_url + self.tree_resource_path

    @property
    def resource_path(self) -> str:
        return self.commit_resource_path

    @property
    def url(self) -> str:
        return self.commit_url

    def file(self, _info: Info, path: str) -> "TreeEntryNode | None":
        folder, _, name = path.strip("/").rpartition("/")
        oid = self.git_repository.git.resolve(f"{self.oid}:{folder}")
        entries = self.git_repository.git.tree(oid) if oid else []
        found = next((entry for entry in entries if entry.path == name), None)
        return TreeEntryNode(self.reading, self.git_repository, found, folder) if found else None

    def history(
        self,
        info: Info,
        author: dict[str, Any] | None = None,
        path: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        **window: Any,
    ) -> Connection[str]:
        oids = self._selected(author, path, since, until)
        connection = connect(info, oids, self._commit_node, HistoryCursors(self.oid), window)
        if selected_names(info) & {"nodes", "edges"} and connection.page:
            nodes = [self._commit_node(oid, connection.page) for oid in connection.page]
            oldest = min(node.commit.author.seconds for node in nodes if node)
            self.reading.history_pages.append(HistoryPage(self.git_repository.name, oldest))
            by_oid = dict(zip(connection.page, nodes, strict=True))
            return replace(connection, make_node=by_oid.__getitem__)
        return connection

    def _selected(
        self, author: dict[str, Any] | None, path: str | None, since: datetime | None, until: datetime | None
    ) -> Sequence[str]:
        git = self.git_repository.git
        emails = self._emails(author) if author else None
        oids = git.select(self.oid, emails=emails, since=_seconds(since), until=_seconds(until))
        if path is not None:
            touching = git.touching(self.oid, path)
            oids = [oid for oid in oids if oid in touching]
        return oids

    def _emails(self, author: dict[str, Any]) -> frozenset[str] | None:
        if author.get("id"):
            found = self.reading.catalogue.account_by_node_id(author["id"])
            return frozenset(found.spellings if found else ())
        return frozenset(author["emails"]) if author.get("emails") is not None else None

    def _statistics(self, name: str) -> Statistics:
        if self.reading.obstacles.lacks_statistics(self.oid):
            raise QueryError("SERVICE_UNAVAILABLE", f"The {name} count for this commit is unavailable.")
        return self.git_repository.git.statistics(self.oid, self.nearby)

    def _commit_node(self, oid: str, nearby: Sequence[str] = ()) -> "CommitNode | None":
        commit = self.git_repository.git.commit(oid)
        return CommitNode(self.reading, self.git_repository, oid, commit, nearby) if commit else None


@dataclass(frozen=True)
class GitActorNode:
    reading: Reading
    signature: Signature

    @property
    def name(self) -> str:
        return self.signature.name

    @property
    def email(self) -> str:
        return self.signature.email

    @property
    def date(self) -> str:
        return self.signature.local

    @property
    def user(self) -> Any:
        account = self.reading.catalogue.account_by_email(self.signature.email)
        return node_for(account, self.reading) if account else None

    def avatar_url(self, _info: Info, **_size: Any) -> str:
        account = self.reading.catalogue.account_by_email(self.signature.email)
        return f"{self.reading.web_url}/avatars/{account.id if account else 0}"


def _actors(
    reading: Reading, info: Info, signatures: list[Signature], window: dict[str, Any]
) -> Connection[Signature]:
    cursors = KeyCursors([(index, "") for index in range(len(signatures))])
    return connect(info, signatures, lambda signature: GitActorNode(reading, signature), cursors, window)


def _seconds(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None
