"""GraphQL's refs and comparisons of commits."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sandbox.github.history import Branch
from sandbox.github.hosted import GitObjectName, Repository
from sandbox.github.ids import NodeId
from sandbox.github.nodes import node_for
from sandbox.github.paging import Connection, Info, connect, order_by_key
from sandbox.github.reading import Reading


@dataclass(frozen=True)
class RefNode:
    reading: Reading
    git_repository: Repository
    branch: Branch
    """With the full name of the ref."""

    typename = "Ref"

    @property
    def id(self) -> str:
        return str(NodeId("REF", self.git_repository.id, self.branch.name))

    @property
    def prefix(self) -> str:
        return "/".join(self.branch.name.split("/")[:2]) + "/" if "/" in self.branch.name else ""

    @property
    def name(self) -> str:
        return self.branch.name.removeprefix(self.prefix)

    @property
    def target(self) -> Any:
        return node_for(GitObjectName(self.git_repository, self.branch.oid), self.reading)

    @property
    def repository(self) -> Any:
        return node_for(self.git_repository, self.reading)

    def compare(self, _info: Info, head_ref: str) -> "ComparisonNode | None":
        head = self.git_repository.git.resolve(f"{head_ref}^{{commit}}")
        return ComparisonNode(self.reading, self.git_repository, self.branch.oid, head) if head else None


@dataclass(frozen=True)
class ComparisonNode:
    reading: Reading
    git_repository: Repository
    base: str
    head: str

    typename = "Comparison"

    @property
    def id(self) -> str:
        return str(NodeId("CMP", self.git_repository.id, f"{self.base}...{self.head}"))

    @property
    def base_target(self) -> Any:
        return node_for(GitObjectName(self.git_repository, self.base), self.reading)

    @property
    def head_target(self) -> Any:
        return node_for(GitObjectName(self.git_repository, self.head), self.reading)

    @cached_property
    def ahead_by(self) -> int:
        git = self.git_repository.git
        return len(set(git.order(self.head)) - set(git.order(self.base)))

    @cached_property
    def behind_by(self) -> int:
        git = self.git_repository.git
        return len(set(git.order(self.base)) - set(git.order(self.head)))

    @property
    def status(self) -> str:
        if self.ahead_by and self.behind_by:
            return "DIVERGED"
        return "AHEAD" if self.ahead_by else "BEHIND" if self.behind_by else "IDENTICAL"


def ref_connection(
    reading: Reading, info: Info, repository: Repository, arguments: dict[str, Any]
) -> Connection[Branch]:
    git = repository.git
    branches = git.branches(arguments["ref_prefix"])
    if arguments.get("query"):
        branches = [branch for branch in branches if arguments["query"] in branch.name]
    order = arguments.get("order_by") or {"field": "ALPHABETICAL", "direction": "ASC"}

    def key(branch: Branch) -> tuple[Any, str]:
        if order["field"] == "ALPHABETICAL":
            return branch.name, branch.name
        commit = git.commit(git.peel(branch.oid) or branch.oid)
        return commit.committer.seconds if commit else 0, branch.name

    ordered, cursors = order_by_key(branches, key, is_descending=order["direction"] == "DESC")
    return connect(info, ordered, lambda branch: RefNode(reading, repository, branch), cursors, arguments)
