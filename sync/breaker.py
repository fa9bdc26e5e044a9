"""Promise 10: what befalls many members at once pauses nobody. One breaker per service, for all members.

Four services can fail for everybody: the API of either provider, and its tokens. Five outages in a row at an
API, by whichever members, open its breaker: it is asked by nobody any more but for one probe a minute (the
`SYNC_WAIT_FLOOR_SECONDS`), and the first answer closes it. The breaker of a provider's tokens opens when this
site's own client secret is refused, or when so many tokens die within an hour that this cannot be their
members' doing; those members are then set going again as if nothing had happened. It stands in the way of
refreshing only: whose token is good goes on.

What stands in the way is raised as the provider's own `Unavailable`, which every caller waits out.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from functools import cache

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, Value
from django.db.models.functions import Least
from django.utils import timezone

import github_client as github
import openhumans_client as openhumans
from accounts.models import Credential
from accounts.rows import columns, taken
from sync.models import ProviderState, Subscription, SyncRun, SyncRunQuerySet

logger = logging.getLogger(__name__)
Service = ProviderState.Service
OUTAGES_TO_OPEN = 5
# What strikes so many members, and one of so many that were looked at, is none of their doing.
MANY = 5
ONE_OF = 10
# Tokens that die within this are counted together.
WITHIN = timedelta(hours=1)
# So long nobody believes that many tokens are dead; then it is so, if other members' tokens work.
BELIEVED_AFTER = timedelta(days=1)
LONGEST_REASON = 300

TOKENS = {"github": Service.GITHUB_TOKENS, "openhumans": Service.OPENHUMANS_TOKENS}
PROVIDERS = {service: provider for provider, service in TOKENS.items()}
PAUSES = {
    "github": Subscription.Status.RECONNECT_GITHUB,
    "openhumans": Subscription.Status.RECONNECT_OPENHUMANS,
}
WAITS = {
    Service.GITHUB: SyncRun.WaitReason.GITHUB_UNAVAILABLE,
    Service.GITHUB_TOKENS: SyncRun.WaitReason.SITE,
    Service.OPENHUMANS: SyncRun.WaitReason.OPENHUMANS_UNAVAILABLE,
    Service.OPENHUMANS_TOKENS: SyncRun.WaitReason.SITE,
}


class GitHubRests(github.Unavailable):
    """GitHub is not asked at the moment."""


class GitHubTokensRest(github.Unavailable):
    """GitHub is not asked for tokens at the moment, nor is it believed when it refuses one."""


class OpenHumansRests(openhumans.Unavailable):
    """Open Humans is not asked at the moment."""


class OpenHumansTokensRest(openhumans.Unavailable):
    """Open Humans is not asked for tokens at the moment, nor is it believed when it refuses one."""


RESTS: dict[Service, type[Exception]] = {
    Service.GITHUB: GitHubRests,
    Service.GITHUB_TOKENS: GitHubTokensRest,
    Service.OPENHUMANS: OpenHumansRests,
    Service.OPENHUMANS_TOKENS: OpenHumansTokensRest,
}
TOKENS_REST = (GitHubTokensRest, OpenHumansTokensRest)


def service_of(error: Exception) -> Service:
    return Service.GITHUB if isinstance(error, github.GitHubError) else Service.OPENHUMANS


def rest(service: Service) -> Exception:
    return RESTS[service](f"{service.label}: not asked now, because it failed for everybody")


_is_believing: ContextVar[bool] = ContextVar("is_believing", default=False)


@contextmanager
def believing() -> Iterator[None]:
    """While every refusal is believed, however many there are: an operator knows why, see restoring.py."""
    before = _is_believing.set(True)
    try:
        yield
    finally:
        _is_believing.reset(before)


# What all services were like when the asking began, for what is wanted to know at that moment.
_states: ContextVar[dict[str, ProviderState] | None] = ContextVar("states", default=None)


# --- Asking ---------------------------------------------------------------------------------------------


@contextmanager
def asking(service: Service) -> Iterator[None]:
    """Around requests to a service; also a decorator. Raise its rest if it may not be asked now."""
    states = {state.service: state for state in _all_states()}
    is_in_doubt = _is_in_doubt(service, states.get(service))
    before = _states.set(states)
    try:
        yield
    except (github.RateLimited, openhumans.RateLimited):
        # A limit is an answer.
        if is_in_doubt:
            works(service)
        raise
    finally:
        _states.reset(before)
    if is_in_doubt:
        works(service)


def _all_states() -> list[ProviderState]:
    """Every step asks this."""
    with connection.cursor() as cursor:
        cursor.execute(_read_states())
        return [taken(ProviderState, iter(row)) for row in cursor.fetchall()]


@cache
def _read_states() -> str:
    return f"select {columns(ProviderState, 'state')} from {ProviderState._meta.db_table} state"  # noqa: S608


def require(service: Service) -> bool:
    """Raise the service's rest unless it may be asked, or this is its probe; tell whether it is in doubt."""
    return _is_in_doubt(service, ProviderState.objects.filter(pk=service).first())


def _is_in_doubt(service: Service, state: ProviderState | None) -> bool:
    if state is None:
        return False
    if state.opened_at is None or _has_recovered(state):
        return state.outages > 0
    now, pause = timezone.now(), timedelta(seconds=settings.SYNC_WAIT_FLOOR_SECONDS)
    # No probe is further away than a pause: what is was put off by a clock that was ahead.
    is_due = Q(probe_at__lte=now) | Q(probe_at__gt=now + 2 * pause)
    probe = ProviderState.objects.filter(is_due, pk=service)
    if not probe.update(probe_at=now + pause, opened_at=Least("opened_at", Value(now))):
        raise rest(service)
    return True


def _has_recovered(state: ProviderState) -> bool:
    """A token that was refused has brought its member up to date: used, where it was not refreshed."""
    provider = PROVIDERS.get(Service(state.service))
    if provider is None or state.opened_at is None:
        return False
    has_recovered = _brought_up_to_date(provider, state.opened_at).filter(_of(state.suspects)).exists()
    if has_recovered:
        works(Service(state.service))
    return has_recovered


def _brought_up_to_date(provider: str, since: datetime) -> SyncRunQuerySet:
    """Runs that show that the provider's tokens work: an idle one does not ask Open Humans."""
    runs = SyncRun.objects.filter(state=SyncRun.State.SUCCEEDED, finished_at__gt=since)
    return runs.filter(uploads__gt=0) if provider == "openhumans" else runs


def _of(credentials: list[int]) -> Q:
    return Q(subscription__user__socialaccount__credential__in=credentials)


def works(service: Service) -> None:
    """It answered: nothing is in doubt any more, and whoever waits for it goes on."""
    known = ProviderState.objects.filter(pk=service)
    was_open = known.filter(opened_at__isnull=False).exists()
    known.update(outages=0, opened_at=None, probe_at=None, reason="", suspects=[])
    if was_open:
        now = timezone.now()
        waiting = SyncRun.objects.filter(state=SyncRun.State.WAITING, wait_reason=WAITS[service])
        logger.warning(
            "%s is back; %d runs go on.", service.label, waiting.update(resume_at=now, nudge_at=now)
        )


def fails(service: Service, error: Exception) -> None:
    """One more outage, of whichever member. A rest is none: nobody was asked."""
    if isinstance(error, tuple(RESTS.values())):
        return
    with transaction.atomic():
        state = _locked(service)
        state.outages = min(state.outages + 1, OUTAGES_TO_OPEN)
        if state.outages >= OUTAGES_TO_OPEN:
            _open(state, str(error))
        state.save()


def _locked(service: Service) -> ProviderState:
    ProviderState.objects.get_or_create(pk=service)
    return ProviderState.objects.select_for_update().get(pk=service)


def _open(state: ProviderState, reason: str) -> None:
    """The operator is told once: an error in the log is what error reports and alarms are made of."""
    now = timezone.now()
    if state.opened_at is None:
        logger.error("%s: out for everybody. Runs wait, nobody is paused. %s", state, reason)
        state.opened_at, state.reason = now, reason[:LONGEST_REASON]
    state.probe_at = now + timedelta(seconds=settings.SYNC_WAIT_FLOOR_SECONDS)


# --- Tokens ---------------------------------------------------------------------------------------------


def client_refused(provider: str, error: Exception) -> None:
    """This site's own secret is wrong: every member will meet it."""
    with transaction.atomic():
        state = _locked(TOKENS[provider])
        _open(state, str(error))
        state.save()


def token_works(provider: str, credential: Credential) -> None:
    """A refresh succeeded. It ends what a wrong secret began; dead tokens must themselves come to life."""
    service = TOKENS[provider]
    state = ProviderState.objects.filter(pk=service, opened_at__isnull=False).first()
    if state is not None and (not state.suspects or credential.pk in state.suspects):
        works(service)


def check_token(provider: str, credential: Credential, *, is_doubtful: bool, was_refused: bool) -> None:
    """Before a token is used or refreshed: raise the rest where refusals are nobody's own at the moment.

    `was_refused`: its provider has just answered 401. A suspect that was refused has been the probe.
    """
    if _is_believing.get():
        return
    service = TOKENS[provider]
    is_suspect = _is_suspect(service, credential, has_just_begun=not was_refused)
    if (was_refused and is_suspect) or not (is_doubtful or is_suspect):
        return
    try:
        require(service)
    except TOKENS_REST:
        if was_refused:
            is_believed(provider, credential)
        raise


def _is_suspect(service: Service, credential: Credential, *, has_just_begun: bool) -> bool:
    states = _states.get() if has_just_begun else None
    if states is None:
        return ProviderState.objects.filter(pk=service, suspects__contains=[credential.pk]).exists()
    return service in states and credential.pk in states[service].suspects


def is_believed(provider: str, credential: Credential) -> bool:
    """Whether a refusal is this member's own. While the breaker is open it is not, and is remembered."""
    if _is_believing.get():
        return True
    with transaction.atomic():
        state = ProviderState.objects.select_for_update().filter(pk=TOKENS[provider]).first()
        if state is None or state.opened_at is None or _are_others_fine(provider, state):
            return True
        if credential.pk not in state.suspects:
            state.suspects = [*state.suspects, credential.pk]
            state.save(update_fields=["suspects"])
        return False


def _are_others_fine(provider: str, state: ProviderState) -> bool:
    since = timezone.now() - BELIEVED_AFTER
    if state.opened_at is None or state.opened_at > since:
        return False
    return _brought_up_to_date(provider, since).exclude(_of(state.suspects)).exists()


def token_died(provider: str) -> None:
    """After a refusal that was believed: raise the rest if it was one of many, and undo what they caused."""
    if _is_believing.get():
        return
    now = timezone.now()
    dead = Credential.objects.filter(
        identity__provider=provider,
        state=Credential.State.REFUSED,
        updated_at__gte=now - WITHIN,
        identity__user__left_at__isnull=True,
    )
    with transaction.atomic():
        state = _locked(TOKENS[provider])
        deaths = dead.count()
        spared = _members(_brought_up_to_date(provider, now - WITHIN))
        if not _is_many(deaths, spared) or _are_others_fine(provider, state):
            return
        _open(state, f"{deaths} tokens were refused within an hour")
        state.suspects = sorted({*state.suspects, *dead.values_list("pk", flat=True)})
        state.save()
        _set_going(provider, state.suspects, now)
    raise rest(TOKENS[provider])


def _set_going(provider: str, suspects: list[int], now: datetime) -> None:
    Subscription.objects.filter(user__socialaccount__credential__in=suspects, status=PAUSES[provider]).update(
        status=Subscription.Status.ACTIVE, reason="", next_due_at=now
    )
    Credential.objects.filter(pk__in=suspects).update(state=Credential.State.VALID)


# --- Failures -------------------------------------------------------------------------------------------


def befalls_many(subscription: Subscription, code: str) -> bool:
    """Whether too many other members failed in the same way within a day for it to be a member's own."""
    ended = SyncRun.objects.filter(finished_at__gte=timezone.now() - BELIEVED_AFTER)
    alike = _members(ended.filter(error_code=code).exclude(subscription=subscription))
    return _is_many(alike, _members(ended.filter(state=SyncRun.State.SUCCEEDED)))


def _members(runs: SyncRunQuerySet) -> int:
    return runs.order_by().values("subscription").distinct().count()


def _is_many(struck: int, spared: int) -> bool:
    return struck >= MANY and struck * ONE_OF >= struck + spared
