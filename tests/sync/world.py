"""The whole world of one member: both stand-ins over HTTP, real Postgres, real Valkey, and the engine."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.utils import timezone
from flask import Flask
from pytest_django import Settings
from redis import Redis

from accounts.models import Credential, User
from sandbox.github import repository as git_repository
from sandbox.github.app import create_app as create_github
from sandbox.github.generated_size import Size
from sandbox.github.service import Service
from sandbox.openhumans.app import create_app as create_openhumans
from sandbox.openhumans.options import Options
from sandbox.openhumans.state import State
from sandbox.server import running
from sync import runs
from sync.actors import sync_step
from sync.consent import SCOPES, Choice
from sync.errors import WaitForLimit
from sync.models import Subscription, SyncRun
from tests.cast import make_member, subscribe
from tests.repositories import Repository

PROJECT = "direct-sharing-1"


YEAR_FILE = re.compile(r"github-(private-)?\d{4}\.json")


@dataclass
class StandIn:
    """A running stand-in: its faults, its accounting."""

    url: str
    app: Flask

    def fault(self, **switches: Any) -> None:
        requests.post(f"{self.url}/_sandbox/faults", json=switches, timeout=5).raise_for_status()

    def reset(self) -> None:
        requests.post(f"{self.url}/_sandbox/reset", timeout=5).raise_for_status()

    def accounting(self) -> dict[str, Any]:
        answer: dict[str, Any] = requests.get(f"{self.url}/_sandbox/requests", timeout=5).json()
        return answer

    @property
    def total(self) -> int:
        return int(self.accounting()["total"])


@dataclass
class World:
    github: StandIn
    openhumans: StandIn
    subscription: Subscription
    repositories: dict[str, Repository]

    @property
    def repository(self) -> Repository:
        return next(iter(self.repositories.values()))

    @property
    def member(self) -> User:
        return self.subscription.user

    @property
    def state(self) -> State:
        state: State = self.openhumans.app.extensions["state"]
        return state

    def act(self, act: str, **details: Any) -> dict[str, Any]:
        """Something that happens at GitHub, see sandbox/github/acts.py."""
        answer = requests.post(f"{self.github.url}/_sandbox/acts", json={"act": act, **details}, timeout=30)
        assert answer.ok, answer.text
        done: dict[str, Any] = answer.json()
        return done

    def start(self, trigger: SyncRun.Trigger = SyncRun.Trigger.STALE) -> SyncRun:
        self.subscription.refresh_from_db()
        return runs.start(self.subscription, trigger)

    def step(self, run: SyncRun) -> WaitForLimit | None:
        """Do the run's next step, as a worker would; give the wait that ended it, if one did."""
        run.refresh_from_db()
        try:
            sync_step.fn(run.pk, run.step)
        except WaitForLimit as wait:
            return wait
        finally:
            run.refresh_from_db()
            self.subscription.refresh_from_db()
        return None

    def finish(self, run: SyncRun, steps: int = 200) -> SyncRun:
        """Step on to the end; what waits is resumed as if its time had come."""
        for _ in range(steps):
            if not run.is_active:
                return run
            if self.step(run) is not None:
                self.pass_wait(run)
        raise AssertionError(f"The run is still {run.state} after {steps} steps.")

    def pass_wait(self, run: SyncRun) -> None:
        """Time goes by: the limit ends at GitHub, in Redis and in Postgres."""
        service: Service = self.github.app.extensions["github_stand_in"]
        service.limits.reset()
        past = timezone.now() - timedelta(seconds=1)
        SyncRun.objects.filter(pk=run.pk, state=SyncRun.State.WAITING).update(resume_at=past)
        Subscription.objects.filter(pk=self.subscription.pk).update(blocked_until=None)
        forget_budget(self.subscription)
        run.refresh_from_db()
        self.subscription.refresh_from_db()

    def sync(self) -> SyncRun:
        return self.finish(self.start())

    def start_over(self) -> None:
        """As if the member had connected this moment: no file, nothing remembered, no fault."""
        for file in self.state.files.of_member(str(self.member.open_humans_id)):
            self.state.files.delete(file)
        for rows in (self.subscription.year_files, self.subscription.repositories, self.subscription.runs):
            rows.all().delete()
        self.subscription.staged_batches.all().delete()
        Subscription.objects.filter(pk=self.subscription.pk).update(
            lists={}, probe={}, batch_sizes={}, ledger_starts_on=None, blocked_until=None, failures=0
        )
        self.subscription.refresh_from_db()
        self.github.reset()
        self.openhumans.reset()
        forget_budget(self.subscription)

    def connect(self, choice: Choice) -> None:
        """Give the member tokens of both stand-ins, as two consents leave them."""
        service: Service = self.github.app.extensions["github_stand_in"]
        account = service.world.catalogue.member
        issued = service.tokens.issue(account.id, settings.GITHUB_CLIENT_ID, SCOPES[choice])
        identity = SocialAccount.objects.get(user=self.member, provider="github")
        keep(identity, issued.access_token, issued.refresh_token)
        self.state.grants.join(str(self.member.open_humans_id))
        client, member_id = settings.OPENHUMANS_CLIENT_ID, str(self.member.open_humans_id)
        pair = self.state.grants.spend_code(self.state.grants.issue_code(client, member_id, "", "", "", ""))
        assert pair is not None
        assert pair.access is not None
        keep(SocialAccount.objects.get(user=self.member, provider="openhumans"), pair.access, pair.refresh)

    # --- What the member has ----------------------------------------------------------------------

    def stored(self) -> dict[str, bytes]:
        """The complete files of this member on Open Humans, by name; two of one name are an error."""
        found: dict[str, bytes] = {}
        for name, content in self.copies():
            assert name not in found, f"{name} is there twice"
            found[name] = content
        return found

    def copies(self) -> Iterator[tuple[str, bytes]]:
        """The same, old and new of one name both, as it is while an update has not ended."""
        for file in self.state.files.of_member(str(self.member.open_humans_id)):
            path = self.state.files.content(file)
            assert path is not None
            yield file.basename, path.read_bytes()

    def years(self) -> dict[str, dict[str, Any]]:
        stored = self.stored()
        return {name: json.loads(stored[name]) for name in stored if YEAR_FILE.fullmatch(name)}

    def commits(self) -> list[dict[str, Any]]:
        return [
            commit
            for content in self.years().values()
            for week in content["weeks"].values()
            for commit in week["commits"]
        ]

    def oids(self) -> set[str]:
        return {commit["oid"] for commit in self.commits()}

    def records(self, kind: str) -> list[dict[str, Any]]:
        return [
            record
            for content in self.years().values()
            for week in content["weeks"].values()
            for record in week.get(kind, [])
        ]

    def record(self, kind: str, **facts: Any) -> dict[str, Any]:
        """The one record with these facts."""
        found = [
            record
            for record in self.records(kind)
            if all(record.get(name) == value for name, value in facts.items())
        ]
        assert len(found) == 1, f"{len(found)} {kind} with {facts}"
        return found[0]

    def checksums(self) -> dict[str, str]:
        return {name: hashlib.sha256(content).hexdigest() for name, content in self.stored().items()}

    def weeks(self) -> dict[str, str]:
        """Week states by the ledger."""
        return {
            week: entry["state"]
            for year_file in self.subscription.year_files.all()
            for week, entry in year_file.weeks.items()
            if entry.get("state")
        }

    def asked(self, operation: str) -> list[dict[str, Any]]:
        log = requests.get(f"{self.github.url}/_sandbox/graphql_log", timeout=5).json()
        return [entry for entry in log if entry["operation"] == operation]


def keep(identity: SocialAccount, access_token: str, refresh_token: str | None) -> None:
    credential = Credential.objects.get(identity=identity)
    credential.set_tokens(access_token, refresh_token, None, list(credential.scopes))
    credential.save()


def forget_budget(subscription: Subscription) -> None:
    with Redis.from_url(settings.BUDGET_URL) as connection:
        keys = list(connection.scan_iter(f"github:{subscription.github_id}:*"))
        if keys:
            connection.delete(*keys)


@contextmanager
def living(
    folder: Path,
    overrides: Settings,
    repositories: dict[str, Repository],
    *,
    choice: Choice = Choice.PUBLIC,
    private: tuple[str, ...] = (),
    foreign: tuple[str, ...] = (),
    organizations: Mapping[str, list[str]] | None = None,
    token_lifetime: int | None = None,
    account: str | Size | None = None,
) -> Iterator[World]:
    """Both stand-ins serving these repositories or a made-up account, and a member connected to both."""
    emails = [repository.email for repository in repositories.values()][:1]
    git_repository._LOOK_AGAIN_SECONDS = 0  # new commits show at once
    paths = [repository.path for repository in repositories.values()]
    github = create_github(
        paths,
        emails=emails,
        private=private,
        foreign=foreign,
        organizations=organizations,
        token_lifetime=token_lifetime,
        account=account,
    )
    openhumans = create_openhumans(Options(folder=folder / "openhumans"))
    with running(github) as github_url, running(openhumans) as openhumans_url:
        overrides.GITHUB_URL, overrides.GITHUB_API_URL = github_url, f"{github_url}/api"
        overrides.OPENHUMANS_URL = openhumans_url
        service: Service = github.extensions["github_stand_in"]
        owner = service.world.catalogue.member
        member = make_member(str(uuid4().int)[:8])
        subscription = subscribe(member, owner.id, owner.login, choice)
        world = World(
            StandIn(github_url, github), StandIn(openhumans_url, openhumans), subscription, repositories
        )
        world.connect(choice)
        try:
            yield world
        finally:
            forget_budget(subscription)
