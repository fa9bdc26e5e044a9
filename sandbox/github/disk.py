"""The catalogue of git repositories on this machine: an account for every address in their commits."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from sandbox.github.catalogue import Catalogue, SettingError, check_login
from sandbox.github.gitlog import Commit
from sandbox.github.history import History
from sandbox.github.hosted import Account, Organization, Profile, Repository
from sandbox.github.ids import numeric_id
from sandbox.github.repository import GitRepository

_NOREPLY = re.compile(r"^(?:\d+\+)?(?P<login>[^@+]+)@users\.noreply\.github\.com$")
_UPSTREAM = "upstream"


class DiskCatalogue(Catalogue):
    """The member owns every repository but those said to be others'; everybody else with a commit in one
    collaborates on it and follows its owner.

    Without `login` and `emails` the member is who wrote most commits; of equals, the first by alphabet.

    * `organizations`: login of an organisation, with the names of the repositories that it owns. The member
      and all who committed to one of them belong to it.
    * `foreign`: names of repositories that belong to whoever else wrote most commits in them; nobody else
      has a part in these, the member only contributed.
    * `forks`: names of repositories of the member that are forks of such a foreign one of the same name.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        private: Iterable[str] = (),
        login: str | None = None,
        emails: Sequence[str] = (),
        organizations: Mapping[str, Sequence[str]] | None = None,
        foreign: Collection[str] = (),
        forks: Collection[str] = (),
    ) -> None:
        super().__init__()
        if login is not None:
            check_login(login)
        gits = [GitRepository(path) for path in paths]
        self.member = self._choose_member(gits, login, [email.lower() for email in emails])
        for git in gits:
            self._host(git)
        self._make_private(set(private))
        for organization, names in (organizations or {}).items():
            self._give_to_organization(organization, names)
        for name in foreign:
            repository = self._named(name, "--foreign")
            repository.owner = self._main_author(repository.git)
        for name in forks:
            self._make_fork(self._named(name, "--fork"))
        self.refresh()

    def _choose_member(self, gits: Sequence[History], login: str | None, emails: list[str]) -> Account:
        counts = Counter(
            commit.author.email.lower() for git in gits for commit in _commits(git) if commit.author.email
        )
        if not emails and login:
            emails = sorted(email for email in counts if _login_from(email).lower() == login.lower())
        if not emails and not login:
            emails = sorted(counts, key=lambda email: (-counts[email], email))[:1]
        login = login or (_login_from(emails[0]) if emails else "member")
        return self.add_account(emails or [f"{login.lower()}@users.noreply.github.com"], login, None)

    def _host(self, git: GitRepository) -> None:
        """Of several folders with one name the second is called `name-2`, and so on."""
        base = name = re.sub(r"[^A-Za-z0-9._-]+", "-", git.name)
        taken = {each.name.lower() for each in self.repositories}
        number = 1
        while name.lower() in taken:
            number += 1
            name = f"{base}-{number}"
        repository_id = numeric_id("repository", name)
        self.add_repository(Repository(repository_id, name, self.member, git, is_private=False))

    def _named(self, name: str, option: str) -> Repository:
        for repository in self.repositories:
            if repository.name == name:
                return repository
        raise SettingError(f"{option} {name}: no such repository.")

    def _make_private(self, names: set[str]) -> None:
        unknown = names - {repository.name for repository in self.repositories}
        if unknown:
            raise SettingError(f"--private {', '.join(sorted(unknown))}: no such repository.")
        for repository in self.repositories:
            repository.is_private = repository.name in names

    def _give_to_organization(self, login: str, names: Sequence[str]) -> None:
        organization = self.add_organization(login)
        organization.members.add(self.member.id)
        for name in names:
            self._named(name, f"--organization {login}:").owner = organization

    def _make_fork(self, repository: Repository) -> None:
        """Its upstream has the same history."""
        owner = self._main_author(repository.git)
        number = numeric_id("repository", _UPSTREAM, repository.name)
        upstream = Repository(number, repository.name, owner, repository.git, is_private=False)
        repository.parent = self.add_repository(upstream)

    def _main_author(self, git: History) -> Account:
        """Of a history without others, an account made for it."""
        counts = Counter(
            commit.author.email.lower()
            for commit in _commits(git)
            if commit.author.email and commit.author.email.lower() not in self.member.emails
        )
        if not counts:
            address = f"{_UPSTREAM}@users.noreply.github.com"
            return self.account_by_email(address) or self.add_account([address], _UPSTREAM, None)
        email = min(counts, key=lambda email: (-counts[email], email))
        return self._account_for(email, "")

    def _take_in(self, repository: Repository) -> None:
        """Accounts, collaborators and dates of a history that is new or has moved."""
        if not isinstance(repository.git, GitRepository):
            super()._take_in(repository)
            return
        commits = _commits(repository.git)
        for commit in commits:
            author = commit.author
            if author.email:
                account = self._account_for(author.email, author.name)
                account.spellings.add(author.email)
                if account.first_seconds is None or author.seconds < account.first_seconds:
                    account.first_seconds = author.seconds
                self._join(account, repository)
        if commits:
            repository.first_seconds = min(commit.committer.seconds for commit in commits)
            repository.pushed_seconds = max(commit.committer.seconds for commit in commits)
            if isinstance(repository.owner, Organization):
                repository.owner.created_seconds = repository.first_seconds
            for account in self.accounts:
                _describe(account)

    def _join(self, account: Account, repository: Repository) -> None:
        owner = repository.owner
        if isinstance(owner, Organization):
            owner.members.add(account.id)
        elif owner is not account:
            account.follows.add(owner.id)
            if owner is self.member:
                repository.collaborators.add(account.id)

    def _account_for(self, email: str, name: str) -> Account:
        account = self.account_by_email(email)
        if account is None:
            account = self.add_account([email.lower()], _login_from(email), name)
        account.name = account.name or name or None
        return account


def _describe(account: Account) -> None:
    domain = account.emails[0].partition("@")[2]
    account.profile = Profile(
        bio=f"Derived by the stand-in from the commits of {account.emails[0]}",
        company=f"@{domain}",
        location="Derived",
        website_url=f"https://{domain}",
    )


def _commits(git: History) -> list[Commit]:
    found = [git.commit(oid) for oid in git.order(git.head)] if git.head else []
    return [commit for commit in found if commit]


def _login_from(email: str) -> str:
    """The local part as a login can be: letters, digits and single hyphens inside, at most 39."""
    noreply = _NOREPLY.match(email)
    local = noreply["login"] if noreply else email.partition("@")[0]
    login = re.sub(r"[^A-Za-z0-9]+", "-", local).strip("-")[:39].strip("-")
    return login or f"account-{numeric_id('login', email) % 0xFFFFFF:06x}"
