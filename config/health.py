"""For load balancers and monitors: does this process live, and is all there that it needs?"""

from collections.abc import Callable
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from config.access import has_status_token
from sync.scanning import last_scan

TIMEOUT_SECONDS = 2
UNKNOWN = "Unknown, because Postgres does not answer."


@never_cache
@require_safe
def healthz(_request: HttpRequest) -> JsonResponse:
    """The process answers. Nothing else is asked, so that an outage elsewhere restarts nobody."""
    return JsonResponse({"alive": True})


class AcceptProbes:
    """Middleware: probes call a process by its IP, which is no host of ours. Nothing is made of the name."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path == "/healthz":
            request.META["HTTP_HOST"] = urlsplit(settings.SITE_URL).netloc
            request.META.pop("HTTP_X_FORWARDED_HOST", None)
        return self._get_response(request)


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when everything is there, else 503; what is missing is told to those with the token."""
    problems = {name: problem for name, find in CHECKS.items() if (problem := find())}
    answer: dict[str, object] = {"ready": not problems}
    if has_status_token(request):
        answer |= {name: problems.get(name, "ok") for name in CHECKS}
        answer["scan_age_seconds"] = scan_age()
    return JsonResponse(answer, status=503 if problems else 200)


def database_problem() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "Postgres does not answer."
    return ""


def redis_problem() -> str:
    options = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
    try:
        with redis.Redis.from_url(settings.BROKER_URL, **options) as server:
            server.ping()
    except redis.RedisError:
        return "Redis does not answer."
    return ""


def migrations_problem() -> str:
    """Asked after `database_problem`, which connects where that is possible: nobody waits for it twice."""
    if connection.connection is None:
        return UNKNOWN
    try:
        executor = MigrationExecutor(connection)
        unapplied = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except DatabaseError:
        return UNKNOWN
    return f"{unapplied} migrations are not applied. Run manage.py migrate." if unapplied else ""


def scan_problem() -> str:
    age, limit = scan_age(), settings.SCAN_AGE_LIMIT_SECONDS
    if age is None:
        return "No scan is known. Do a worker and a scheduler run?"
    if age > limit:
        return f"The last scan is {age:.0f} s ago, more than {limit:g} s. Do a worker and a scheduler run?"
    return ""


def scan_age() -> float | None:
    moment = last_scan()
    return None if moment is None else (timezone.now() - moment).total_seconds()


CHECKS: dict[str, Callable[[], str]] = {
    "postgres": database_problem,
    "redis": redis_problem,
    "migrations": migrations_problem,
    "scan": scan_problem,
}
