"""One run's way to GitHub: counting what is spent, and keeping answers only while the run is ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F

from github_client import GitHubClient, TooHeavy, Unavailable
from sync import planner
from sync.models import Subscription, SyncRun


@dataclass(slots=True)
class Collector:
    """One run's way to GitHub, for one step. `requests` and `points` are what this step has spent."""

    run: SyncRun
    github: GitHubClient
    requests: int = 0
    points: int = 0
    _points_when_given_up: int = 0

    @property
    def subscription(self) -> Subscription:
        return self.run.subscription

    @property
    def not_counted(self) -> tuple[int, int]:
        """Requests and points that were spent since the last count."""
        return self.github.requests_sent - self.requests, self.github.points_spent - self.points

    def count(self, **facts: datetime) -> None:
        """Add to the run what was spent since the last count, also after a request that failed; and facts."""
        requests, points = self.not_counted
        if requests or points or facts:
            SyncRun.objects.filter(pk=self.run.pk).update(
                requests=F("requests") + requests, points=F("points") + points, **facts
            )
            self.note(requests, points)

    def note(self, requests: int, points: int) -> None:
        """So much is counted in the run's row."""
        self.run.requests += requests
        self.requests += requests
        self.points += points

    def ask_less(self, kind: str) -> bool:
        """GitHub gave up on a request: the next one asks for half as much; False where that cannot be.

        Kept before anything else is asked, so that a worker killed by then does not send the same again.
        """
        known = self.subscription.batch_sizes
        reduced = planner.smaller(known, kind)
        self._keep_sizes(reduced or known)
        try:
            self._given_up()
        except Unavailable:
            self._keep_sizes(known)
            raise
        return reduced is not None

    def _keep_sizes(self, sizes: dict[str, int]) -> None:
        if self.subscription.batch_sizes != sizes:
            self.subscription.batch_sizes = sizes
            self.subscription.save(update_fields=["batch_sizes"])

    def _given_up(self) -> None:
        """GitHub gave up on a request. Raise `Unavailable` where it may be giving up on all of them.

        It is asked for the smallest thing there is, unless it has answered something since the last time: in
        an outage nothing is to be learnt about sizes.
        """
        points = self.github.points_spent
        has_answered = points > self._points_when_given_up
        self._points_when_given_up = points
        if not has_answered:
            self.require_answers()

    def require_answers(self) -> None:
        try:
            self.github.fetch_repositories(None, 1)
        except TooHeavy as error:
            raise Unavailable(f"GitHub gives up on everything: {error}") from None

    def was_last_try(self, kind: str) -> bool:
        """GitHub gave up on the smallest request of a kind. Whether to do without it, after so many times.

        Only times are counted at which it answers something else, or else `Unavailable` is raised.
        """
        self.require_answers()
        self.subscription.batch_sizes, is_last = planner.given_up(self.subscription.batch_sizes, kind)
        self.subscription.save(update_fields=["batch_sizes"])
        return is_last

    def answered(self, kind: str) -> None:
        self._keep_sizes(planner.answered(self.subscription.batch_sizes, kind))

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Everything one answer changes, in one transaction, and only while the run is ours."""
        with transaction.atomic():
            self.run.hold()
            yield
            self.count()
            self.run.has_got_on()
            if self.subscription.secondary_limits:
                self.subscription.secondary_limits = 0
                self.subscription.save(update_fields=["secondary_limits"])
