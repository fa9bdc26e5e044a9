"""The one cheap question: did anything change? And what is to be read because of it."""

import json
from datetime import UTC, date, datetime, timedelta

from django.utils.crypto import salted_hmac

from github_client import Probe, ProbeAnswer, TooHeavy
from sync import planner, recurring
from sync.collect import calendars, lists, releases, repositories, reviews
from sync.collect.collector import Collector
from sync.errors import GitHubAccessLost, GitHubGivesUp
from sync.models import Subscription

# So many newest entries of each list come with the probe: on a full day as well they hold all that is new,
# what is read twice because clocks differ, and one below it, which ends the reading. Many more would cost a
# second point, for the reviews that come with each pull request.
LIST_ITEMS = 20
# Late truth: what no probe can see (old days of the calendar, totals behind unmoved heads) is asked again.
EVERYTHING_EVERY = timedelta(days=30)
# Of `Subscription.probe`: what the last answer met, see `standing`.
MET = "met"


def ask(collector: Collector, now: datetime) -> ProbeAnswer:
    """Ask whether anything changed. Raise `GitHubAccessLost` where the token is another account's."""
    answer = _ask_probe(collector, now.astimezone(UTC).date())
    if answer.database_id != collector.subscription.github_id:
        raise GitHubAccessLost("The token belongs to another GitHub account.")
    return answer


def standing(subscription: Subscription, answer: ProbeAnswer) -> str:
    """Equal where an answer meets what it met before: the same choice, and lists that are as far read.

    It tells nobody else which, because some of it may be private.
    """
    met = [answer.digest, subscription.agreement, subscription.lists]
    return salted_hmac(
        "sync.probing.standing", json.dumps(met, sort_keys=True), algorithm="sha256"
    ).hexdigest()


def note(collector: Collector, asked: ProbeAnswer, now: datetime) -> None:
    """Note what is to be read because of the answer."""
    subscription, today = collector.subscription, now.astimezone(UTC).date()
    answer, there = asked.decoded(), asked.told_at or now
    with collector.recorded():
        _note_identity(subscription, answer)
        calendars.note_years(subscription, answer, today)
        repositories.note_probe(subscription, answer)
        days = calendars.note_days(subscription, answer.contributions)
        lists.note_probe(subscription, answer)
        reviews.note_probe(subscription, answer, there, days)
        is_month = _note_month(subscription, now)
        releases.note_probe(subscription, now, is_month=is_month)
        _note_withheld(subscription, there, is_month=is_month)
        collector.run.probed_at = now
        collector.count(probed_at=now)
        subscription.probe[MET] = standing(subscription, asked)
        subscription.save(
            update_fields=["github_login", "github_node_id", "ledger_starts_on", "lists", "probe"]
        )


def _ask_probe(collector: Collector, today: date) -> ProbeAnswer:
    """The first page of repositories, and the newest entries of each list, shrink while GitHub gives up."""
    subscription = collector.subscription
    size = planner.batch(subscription.batch_sizes, "repositories")
    try:
        answer = collector.github.ask_probe(
            planner.probe_since(today),
            today,
            size,
            lists.names_for(subscription.kinds),
            min(LIST_ITEMS, size),
            subscription.github_login,
        )
    except TooHeavy as error:
        if not collector.ask_less("repositories"):
            if collector.was_last_try("probe"):
                raise GitHubGivesUp(f"GitHub does not say whether anything is new: {error}") from error
            raise
        return _ask_probe(collector, today)
    collector.answered("probe")
    return answer


def _note_identity(subscription: Subscription, answer: Probe) -> None:
    subscription.github_login = answer.identity.login
    subscription.github_node_id = answer.identity.node_id
    profile = answer.profile
    subscription.probe["profile"] = {
        "login": profile.login,
        "name": profile.name,
        "bio": profile.bio,
        "company": profile.company,
        "location": profile.location,
        "website_url": profile.website_url,
        "twitter_username": profile.twitter_username,
        "created_at": profile.created_at.isoformat(),
        "followers": profile.followers,
        "following": profile.following,
    }


def _note_month(subscription: Subscription, now: datetime) -> bool:
    """Once a month totals and calendars are compared for everything, whatever the probe said; True then."""
    compared_at = subscription.probe.get("compared_at")
    if not recurring.is_due(compared_at, EVERYTHING_EVERY, now):
        return False
    subscription.probe["compared_at"] = now.isoformat()
    if compared_at is None:
        return False  # the first run reads everything anyway
    calendars.read_again(subscription, now.astimezone(UTC).date())
    histories = subscription.repositories.filter(is_fork=False, not_readable="", cursor="")
    # What GitHub counted and did not give may have become readable: `reading` remembers how much that was.
    histories.exclude(head_oid="").update(is_read=False, said_for_oid="", reading={})
    return True


def _note_withheld(subscription: Subscription, now: datetime, *, is_month: bool) -> None:
    """What GitHub withheld may have become readable: each month, and with what the member granted since.

    Nothing tells of it: the total counts such entries all the time.
    """
    agreed_at = subscription.agreement.get("agreed_at", "")
    known = subscription.probe.get("agreed_at", agreed_at)
    subscription.probe["agreed_at"] = agreed_at
    if is_month or known != agreed_at:
        lists.read_withheld(subscription)
        reviews.read_withheld(subscription, now)
