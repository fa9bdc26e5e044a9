"""What Prometheus reads at /metrics: sums from Redis, states from Postgres, whichever process answers.

Both are shared, so any web process tells of all workers and all machines: one target, no folder to share
between processes, and nothing to lose when a process ends.
"""

import time
from collections.abc import Callable, Iterator

import redis
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from config.access import has_status_token
from config.health import scan_age
from sync.operators import counters, gauges

PREFIX = "github_for_open_humans"


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    if not has_status_token(request):
        raise Http404
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SharedState())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class SharedState(Collector):
    def collect(self) -> Iterator[Metric]:
        yield from _told(self._counters, "redis", redis.RedisError)
        yield from _told(self._gauges, "postgres", DatabaseError)
        age = scan_age()
        if age is not None:
            yield _gauge("scan_age_seconds", "Since the last scan.", age)

    def _counters(self) -> list[Metric]:
        sums = counters.read()
        queues = gauges.queues()
        families: list[Metric] = []
        for name, kind in counters.KINDS.items():
            family = CounterMetricFamily(f"{PREFIX}_{name}", kind.help, labels=kind.labels)
            for (counted, *labels), amount in sums.items():
                if counted == name:
                    family.add_metric(labels, amount)
            families.append(family)
        return [*families, _family(queues)]

    def _gauges(self) -> list[Metric]:
        return [_family(gauge) for gauge in gauges.from_postgres(timezone.now())]


def _told(ask: Callable[[], list[Metric]], server: str, failure: type[Exception]) -> Iterator[Metric]:
    """What one server tells, and whether it does: the other's numbers are shown all the same."""
    try:
        families = ask()
    except failure:
        families = []
    yield _gauge(f"{server}_up", f"Whether {server.capitalize()} answers.", float(bool(families)))
    yield from families


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{PREFIX}_{name}", text, value=value)


def _family(gauge: gauges.Gauge) -> Metric:
    family = GaugeMetricFamily(f"{PREFIX}_{gauge.name}", gauge.help, labels=gauge.labels)
    for labels, value in gauge.values.items():
        family.add_metric(labels, value)
    return family


class CountRequests:
    """Middleware: how often each page was asked for, with which status, and how long it took."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = self._get_response(request)
        match = request.resolver_match
        page = (match.view_name or match.route) if match else "none"
        counters.count("web_requests", page, str(response.status_code))
        counters.count("web_seconds", page, amount=time.perf_counter() - began)
        return response
