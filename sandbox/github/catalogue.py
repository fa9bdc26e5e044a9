"""Everything that is hosted, and how it is found. Nothing here knows where histories come from."""

import re
import threading
from collections.abc import Sequence

from sandbox.github.hosted import Account, Organization, Owner, Repository
from sandbox.github.ids import numeric_id

_LOGIN = re.compile(r"(?=.{1,39}$)[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")


class SettingError(Exception):
    """What was asked for on the command line cannot be; the message says what and why."""


class Catalogue:
    """Accounts, organisations and repositories. Safe to read from many threads."""

    member: Account

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.accounts: list[Account] = []
        self.organizations: list[Organization] = []
        self.repositories: list[Repository] = []
        self._accounts: dict[int, Account] = {}
        self._by_email: dict[str, Account] = {}
        self._repositories: dict[int, Repository] = {}
        self._versions: dict[int, object] = {}
        self.revision = 0
        """Another number whenever anything changed."""

    def refresh(self) -> None:
        """Follow what happens to the histories."""
        for repository in self.repositories:
            repository.git.refresh()
            version = (repository.git.revision, repository.git.is_gone)
            if self._versions.get(repository.id) != version:
                with self.lock:
                    self._take_in(repository)
                    self._versions[repository.id] = version
                    self.revision += 1

    def version_of(self, repository: Repository) -> object:
        """Of its history now, and of the history whose authors are known: for a moment these differ."""
        return repository.git.revision, self._versions.get(repository.id)

    def changed(self) -> None:
        with self.lock:
            self.revision += 1

    def account_by_id(self, account_id: int) -> Account | None:
        return self._accounts.get(account_id)

    def account_by_login(self, login: str) -> Account | None:
        return next((each for each in self.accounts if each.login.lower() == login.lower()), None)

    def account_by_email(self, email: str) -> Account | None:
        return self._by_email.get(email.lower())

    def account_by_node_id(self, node_id: str) -> Account | None:
        return next((each for each in self.accounts if each.node_id == node_id), None)

    def organization_by_id(self, organization_id: int) -> Organization | None:
        return next((each for each in self.organizations if each.id == organization_id), None)

    def organization_by_login(self, login: str) -> Organization | None:
        return next((each for each in self.organizations if each.login.lower() == login.lower()), None)

    def organizations_of(self, account: Account) -> list[Organization]:
        return [each for each in self.organizations if account.id in each.members]

    def followers_of(self, account: Account) -> list[Account]:
        return [each for each in self.accounts if account.id in each.follows]

    def forks_of(self, repository: Repository) -> list[Repository]:
        return [each for each in self.repositories if each.parent is repository]

    def repository_by_id(self, repository_id: int) -> Repository | None:
        return self._repositories.get(repository_id)

    def repository_by_name(self, owner: str, name: str) -> Repository | None:
        """Also by a name it had before, unless another one has it now."""
        wanted = f"{owner}/{name}".lower()
        former = None
        for repository in self.repositories:
            if repository.full_name.lower() == wanted:
                return repository
            if wanted in repository.former_names:
                former = repository
        return former

    def rename(self, repository: Repository, name: str) -> None:
        repository.former_names.add(repository.full_name.lower())
        repository.name = name
        self.changed()

    def transfer(self, repository: Repository, owner: Owner) -> None:
        repository.former_names.add(repository.full_name.lower())
        repository.owner = owner
        self.changed()

    def change_login(self, account: Account, login: str) -> None:
        """Repositories are found by the old name too, the person is not."""
        check_login(login)
        if self.account_by_login(login) or self.organization_by_login(login):
            raise SettingError(f"{login} is taken.")
        for repository in self.repositories:
            if repository.owner is account:
                repository.former_names.add(repository.full_name.lower())
        account.login = login
        self.changed()

    def link_email(self, account: Account, email: str) -> None:
        """Commits by this address count as the account's from now on, also the old ones."""
        former = self._by_email.get(email.lower())
        spellings = {each for each in former.spellings if each.lower() == email.lower()} if former else set()
        if former and former is not account:
            former.spellings -= spellings
            former.emails.remove(email.lower())
        account.spellings |= spellings | {email}
        account.emails.append(email.lower())
        self._by_email[email.lower()] = account
        self.changed()

    def add_account(self, emails: Sequence[str], login: str, name: str | None) -> Account:
        """A login that is taken gets an ending that tells it apart."""
        if self.account_by_login(login) or self.organization_by_login(login):
            login = f"{login[:32]}-{numeric_id('login', emails[0]) % 0xFFFFFF:06x}"
        account = Account(self._free_id(emails[0]), login, name, list(dict.fromkeys(emails)))
        self.accounts.append(account)
        self._accounts[account.id] = account
        for email in account.emails:
            self._by_email[email] = account
        return account

    def add_organization(self, login: str) -> Organization:
        check_login(login)
        if self.account_by_login(login):
            raise SettingError(f"--organization {login}: an account has this login.")
        organization = Organization(self._free_id(f"organization {login}"), login)
        self.organizations.append(organization)
        return organization

    def add_repository(self, repository: Repository) -> Repository:
        self.repositories.append(repository)
        self._repositories[repository.id] = repository
        return repository

    def _take_in(self, repository: Repository) -> None:
        """Learn from a history that is new or has moved."""
        git = repository.git
        head = git.commit(git.head) if git.head else None
        repository.pushed_seconds = head.committer.seconds if head else None

    def _free_id(self, text: str) -> int:
        number = numeric_id("account", text)
        while number in self._accounts or self.organization_by_id(number):
            number += 1
        return number


def check_login(login: str) -> None:
    if not _LOGIN.fullmatch(login):
        raise SettingError(f"--login {login}: a login is letters, digits and single hyphens, at most 39.")
