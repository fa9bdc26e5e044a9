"""GitHub's answer for one member: stored whole or not at all, and one answer at a time."""

from collections.abc import Iterator
from contextlib import contextmanager

from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from accounts import failures
from accounts.models import User


class GitHubConnection(SocialLogin):  # type: ignore[misc]
    """Two tabs of one member, or two members with one account, may come back at the same moment.

    allauth asks and then stores in steps of their own. Each of its two ways to store, finding an identity and
    making one, is a transaction here, behind the lock of the member's row and a question asked behind it.
    """

    def __init__(self, member: User, login: SocialLogin) -> None:
        super().__init__(provider=login.provider, account=login.account)
        self.member = member

    def lookup(self) -> None:
        with self._alone() as member:
            self._find(member)

    def connect(self, request: HttpRequest, user: User) -> None:  # noqa: ARG002 - read anew behind the lock
        with self._alone() as member:
            self._find(member)  # Another tab may have connected this very account since.
            if not self.is_existing:
                super().connect(request, member)

    def _find(self, member: User) -> None:
        """Only among the member's own: allauth updates whatever it finds, and asks later whose it is."""
        own = SocialAccount.objects.filter(user=member, provider="github", uid=self.account.uid)
        if own.exists():
            super().lookup()

    @contextmanager
    def _alone(self) -> Iterator[User]:
        uid, login = self.account.uid, self.account.extra_data["login"]
        try:
            with transaction.atomic():
                member = User.objects.select_for_update(no_key=True).filter(pk=self.member.pk).first()
                if member is None:
                    raise failures.signed_out()
                refuse_conflict(member, uid, login)
                yield member
        except IntegrityError:
            # Nobody else adds to a member whose row is locked, so another member came first.
            raise failures.connected_to_another_member(login) from None


def refuse_conflict(user: User, github_id: str, login: str) -> None:
    """One GitHub account belongs to one member, and a member has one at a time."""
    accounts = SocialAccount.objects.filter(provider="github")
    if accounts.filter(uid=github_id).exclude(user=user).exists():
        raise failures.connected_to_another_member(login)
    if known := accounts.filter(user=user).exclude(uid=github_id).first():
        raise failures.another_account(known.extra_data["login"], login)
