"""What GitHub hosts: accounts, organisations and repositories."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

from sandbox.github.history import History
from sandbox.github.ids import NodeId

# For accounts and repositories without any commit, which would have no date at all.
NO_DATE = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())


@dataclass
class Profile:
    """What a person says of themselves; None where nothing is said."""

    bio: str | None = None
    company: str | None = None
    location: str | None = None
    website_url: str | None = None
    twitter_username: str | None = None


@dataclass
class Account:
    id: int
    login: str
    name: str | None
    emails: list[str]
    """In lower case, the primary one first."""
    spellings: set[str] = field(default_factory=set)
    """The same addresses as they stand in commits."""
    first_seconds: int | None = None
    profile: Profile = field(default_factory=Profile)
    follows: set[int] = field(default_factory=set)
    """Ids of other accounts."""

    @property
    def node_id(self) -> str:
        return str(NodeId("U", self.id))

    @property
    def created_seconds(self) -> int:
        return NO_DATE if self.first_seconds is None else self.first_seconds


@dataclass
class Organization:
    id: int
    login: str
    members: set[int] = field(default_factory=set)
    created_seconds: int = NO_DATE

    @property
    def node_id(self) -> str:
        return str(NodeId("O", self.id))


Owner: TypeAlias = Account | Organization


@dataclass(eq=False)
class Repository:
    """A git repository as GitHub hosts it."""

    id: int
    name: str
    owner: Owner
    git: History
    is_private: bool
    former_names: set[str] = field(default_factory=set)
    """`owner/name`, in lower case."""
    collaborators: set[int] = field(default_factory=set)
    first_seconds: int | None = None
    pushed_seconds: int | None = None
    touched_seconds: int | None = None
    """When somebody last changed its settings."""
    parent: "Repository | None" = None
    """What it is a fork of."""
    archived_seconds: int | None = None
    is_deleted: bool = False

    @property
    def node_id(self) -> str:
        return str(NodeId("R", self.id))

    @property
    def created_seconds(self) -> int:
        return NO_DATE if self.first_seconds is None else self.first_seconds

    @property
    def updated_seconds(self) -> int:
        return max(self.pushed_seconds or 0, self.touched_seconds or 0, self.created_seconds)

    @property
    def full_name(self) -> str:
        return f"{self.owner.login}/{self.name}"

    @property
    def is_gone(self) -> bool:
        return self.is_deleted or self.git.is_gone

    @property
    def is_in_organization(self) -> bool:
        return isinstance(self.owner, Organization)

    def affiliation(self, owner: Owner) -> str | None:
        """How this person or organisation stands to it, in GraphQL's words."""
        if owner is self.owner:
            return "OWNER"
        if owner.id in self.collaborators:
            return "COLLABORATOR"
        if isinstance(self.owner, Organization) and owner.id in self.owner.members:
            return "ORGANIZATION_MEMBER"
        return None


class GitObjectName(NamedTuple):
    """Some commit, tree, blob or tag, or nothing: that is known when it is looked up."""

    repository: Repository
    oid: str
