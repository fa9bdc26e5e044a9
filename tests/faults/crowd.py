"""Many members at once, made directly in the database."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db import connection
from django.db.models import Model

from accounts.models import Credential, User
from sandbox.github.service import Service
from sync.consent import SCOPES, Choice
from sync.models import Subscription
from tests.cast import make_member, subscribe
from tests.repositories import Repository
from tests.sync.world import World, keep


def crowd(count: int, due: datetime) -> list[Subscription]:
    """Members with both credentials, due one after the other, the first one first."""
    members = [subscribe(make_member(f"{20_000_000 + n}"), 900_000 + n, f"member-{n}") for n in range(count)]
    for number, subscription in enumerate(members):
        moment = due - timedelta(minutes=count - number)
        Subscription.objects.filter(pk=subscription.pk).update(next_due_at=moment)
    return members


def bare_crowd(count: int, due: datetime) -> None:
    """Members without anything but a due date: enough to be scanned. By Postgres, so a million will do."""
    first = User.objects.create(username="bare-0", open_humans_id="30000000", password="!")
    model = Subscription(user=first, github_id=2_000_000, github_login="bare-0", next_due_at=due)
    model.save()
    _multiply(first, count, {"username": "'bare-' || n", "open_humans_id": "(30000000 + n)::text"})
    its_user = "(select u.id from accounts_user u where u.username = 'bare-' || n)"
    _multiply(model, count, {"user_id": its_user, "github_id": "2000000 + n", "github_login": "'bare-' || n"})


def _multiply(row: Model, count: int, own: Mapping[str, str]) -> None:
    """Rows like this one, but for expressions of `n`, its number, until there are so many."""
    table = row._meta.db_table
    columns = [str(field.column) for field in row._meta.concrete_fields if not field.primary_key]
    values = [own.get(column, f't."{column}"') for column in columns]
    names = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"insert into {table} ({names}) select {', '.join(values)}"  # noqa: S608 - names of our own
            f" from {table} t, generate_series(1, %s) n where t.id = %s",
            [count - 1, row.pk],
        )


def states(subscriptions: Iterable[Subscription]) -> set[str]:
    pks = [subscription.pk for subscription in subscriptions]
    return set(Subscription.objects.filter(pk__in=pks).values_list("status", flat=True))


def credential_states() -> set[str]:
    return set(Credential.objects.values_list("state", flat=True))


# --- With accounts at both stand-ins ---------------------------------------------------------------------


def email_of(number: int) -> str:
    return f"person-{number}@crowd.example.org"


def crowded_repository(
    folder: Path, count: int, *moments: datetime, name: str = "crowded", message: str = "Commit {n}"
) -> Repository:
    """One repository to which everybody has committed, once at each of these moments."""
    repository = Repository.create(folder / name, email_of(0))
    commit_all(repository, count, *moments, message=message)
    return repository


def commit_all(repository: Repository, count: int, *moments: datetime, message: str = "Commit {n}") -> None:
    """Everybody once at each of these moments."""
    emails = [email_of(number) for number in range(count)]
    repository.add_of_all(emails, map(datetime.isoformat, moments), message)


def connected_crowd(world: World, count: int, choice: Choice = Choice.PUBLIC) -> list[Subscription]:
    """Members of both stand-ins; the world's own one, who made the same choice, is the first."""
    service: Service = world.github.app.extensions["github_stand_in"]
    members = [world.subscription]
    for number in range(1, count):
        account = service.world.catalogue.account_by_email(email_of(number))
        assert account is not None
        members.append(subscribe(make_member(f"{40_000_000 + number}"), account.id, account.login, choice))
        if choice is Choice.PRIVATE:
            # To whom their private work belongs.
            members[-1].agreement["organizations"] = [world.subscription.github_login]
            members[-1].save(update_fields=["agreement"])
        _connect(world, service, members[-1], choice)
    return members


def _connect(world: World, service: Service, subscription: Subscription, choice: Choice) -> None:
    """Tokens as two consents leave them; the ones of Open Humans expire."""
    github, openhumans = (
        SocialAccount.objects.get(user=subscription.user, provider=provider)
        for provider in ("github", "openhumans")
    )
    issued = service.tokens.issue(subscription.github_id, settings.GITHUB_CLIENT_ID, SCOPES[choice])
    keep(github, issued.access_token, issued.refresh_token)
    grants, member = world.state.grants, str(subscription.user.open_humans_id)
    grants.join(member)
    pair = grants.spend_code(grants.issue_code(settings.OPENHUMANS_CLIENT_ID, member, "", "", "", ""))
    assert pair is not None
    assert pair.access is not None
    keep(openhumans, pair.access, pair.refresh)


def holders(world: World, name: str) -> set[str]:
    """Ids of the members who have a complete file of this name."""
    people = User.objects.exclude(open_humans_id=None).values_list("open_humans_id", flat=True)
    return {
        str(person)
        for person in people
        if any(file.basename == name for file in world.state.files.of_member(str(person)))
    }


def stored_of(world: World, subscription: Subscription) -> dict[str, bytes]:
    """The member's complete files by name."""
    files, found = world.state.files, {}
    for file in files.of_member(str(subscription.user.open_humans_id)):
        path = files.content(file)
        assert path is not None
        assert file.basename not in found, f"{file.basename} is there twice"
        found[file.basename] = path.read_bytes()
    return found
