"""One run's way to GitHub: counting what is spent, and keeping answers only while the run is ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F

from github_client import GitHubClient
from sync.models import Subscription, SyncRun


@dataclass(slots=True)
class Collector:
    """One run's way to GitHub, for one step. `requests` and `points` are what this step has spent."""

    run: SyncRun
    github: GitHubClient
    requests: int = 0
    points: int = 0

    @property
    def subscription(self) -> Subscription:
        return self.run.subscription

    def count(self) -> None:
        """Add to the run what was spent since the last count, also after a request that failed."""
        requests = self.github.requests_sent - self.requests
        points = self.github.points_spent - self.points
        if requests or points:
            SyncRun.objects.filter(pk=self.run.pk).update(
                requests=F("requests") + requests, points=F("points") + points
            )
            self.requests += requests
            self.points += points

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Everything one answer changes, in one transaction, and only while the run is ours."""
        with transaction.atomic():
            self.run.hold()
            yield
            self.count()
            if self.subscription.secondary_limits:
                self.subscription.secondary_limits = 0
                self.subscription.save(update_fields=["secondary_limits"])
