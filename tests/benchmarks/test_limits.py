from django.conf import settings
from redis import Redis

from tests.benchmarks import limits
from tests.benchmarks.figures import Report


def test_processes_that_ask_at_once_are_admitted_to_the_limit_and_each_of_them_is_counted() -> None:
    report = Report()
    with Redis.from_url(settings.BUDGET_URL) as connection:
        limits.add_cost(report, connection, rounds=1, times=2)
    assert "one request" in report.figures[0].what
    granted = limits.at_once(processes=2, limit=40)
    assert len(granted) == 2
    assert sum(granted) == 40
