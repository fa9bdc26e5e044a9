from datetime import timedelta

import pytest
from django.utils import timezone

from sync import scanning
from sync.models import Subscription
from tests.benchmarks import growth
from tests.benchmarks.figures import Report

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_scan_is_measured_on_members_of_whom_only_the_first_are_due() -> None:
    report = Report()
    growth.add_scans(report, sizes=(5, 40), due=5)
    assert [figure.what for figure in report.figures] == [
        "scan of 5 subscriptions, 5 of them due: database time",
        "scan of 5 subscriptions: rows looked at, and readings of another sort than by need",
        "scan of 40 subscriptions, 5 of them due: database time",
        "scan of 40 subscriptions: rows looked at, and readings of another sort than by need",
    ]
    scanning.set_right(timezone.now())
    assert Subscription.objects.due(timezone.now()).count() == 5

    last = Subscription.objects.order_by("next_due_at").last()
    assert last is not None
    Subscription.objects.filter(pk=last.pk).update(next_due_at=timezone.now() + timedelta(days=7))
    with pytest.raises(SystemExit, match="5 of 5 members are due, and 1 lie beyond"):
        growth.require_due(5)


def test_a_million_members_lie_within_the_time_that_a_scan_believes() -> None:
    growth.make_subscriptions(999_990, 1_000_000, due=999_992)
    growth.require_due(2)
