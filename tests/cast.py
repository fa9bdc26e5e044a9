"""People in the database, as a finished sign-in and connection leave them."""

from datetime import UTC, datetime
from types import SimpleNamespace

from allauth.socialaccount.models import SocialAccount, SocialToken
from django.conf import settings

from accounts.models import User
from accounts.tokens import keep_tokens
from sync.consent import SCOPES, Choice, agreement
from sync.models import Subscription


def make_member(open_humans_id: str) -> User:
    member = User(username=f"oh-{open_humans_id}", open_humans_id=open_humans_id)
    member.set_unusable_password()
    member.save()
    connect_identity(member, "openhumans", open_humans_id, {"scopes": ["read", "write"]})
    return member


def connect_identity(member: User, provider: str, uid: str, extra_data: dict[str, object]) -> SocialAccount:
    """An identity with its tokens, as a finished consent leaves it. The tokens tell where they come from."""
    server = settings.GITHUB_URL if provider == "github" else settings.OPENHUMANS_URL
    identity = SocialAccount.objects.create(
        user=member, provider=provider, uid=uid, extra_data={**extra_data, "server": server}
    )
    token = SocialToken(token=f"{provider}-access-of-{uid}", token_secret=f"{provider}-refresh-of-{uid}")
    keep_tokens(SimpleNamespace(account=identity, token=token))
    return identity


def subscribe(member: User, github_id: int, login: str, choice: Choice = Choice.PUBLIC) -> Subscription:
    node_id, scopes = f"U_{github_id}", list(SCOPES[choice])
    connect_identity(member, "github", str(github_id), {"login": login, "node_id": node_id, "scopes": scopes})
    return Subscription.objects.create(
        user=member,
        github_id=github_id,
        github_node_id=node_id,
        github_login=login,
        agreement=agreement(choice, scopes, datetime(2026, 11, 1, tzinfo=UTC)),
    )


def make_operator() -> User:
    return User.objects.create_superuser("operator", password="a long pass phrase of the operator")
