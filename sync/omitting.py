"""What a member leaves out by a choice: texts, counts, repositories, owners, organisations without a tick.

Here the agreement changes, our own rows follow it, and the files are named that have to be written again. The
run that takes out what was removed writes them (see removing). Whatever comes later is held against the
agreement (see omissions).
"""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from sync import removing, runs
from sync.choices import read_everything_again
from sync.collect.repositories import OWNERS
from sync.models import RepositoryState, Subscription, SyncRun
from sync.omissions import Omissions


def omitted_names(subscription: Subscription) -> list[str]:
    items = subscription.agreement.get("left_out", [])
    return [item["name"] if "name" in item else f"everything of {item['owner']}" for item in items]


def known_places(subscription: Subscription) -> dict[str, list[dict[str, str]]]:
    """Repositories by owner, those that are left out as well: {"octo": [{"id", "name"}, ...]}."""
    named = [item for item in subscription.agreement.get("left_out", []) if "id" in item]
    found = {item["id"]: {"id": item["id"], "name": item["name"]} for item in named}
    for node_id, name in subscription.repositories.values_list("node_id", "name"):
        found[node_id] = {"id": node_id, "name": name}
    owners: dict[str, list[dict[str, str]]] = {}
    for place in sorted(found.values(), key=lambda place: place["name"].lower()):
        owners.setdefault(place["name"].partition("/")[0], []).append(place)
    return owners


def organizations(subscription: Subscription) -> dict[str, bool]:
    """Owners of private repositories beside the member, and whether theirs are included."""
    agreement = subscription.agreement
    seen = [*agreement.get("organizations_out", []), *subscription.lists.get(OWNERS, [])]
    found = dict.fromkeys(seen, False) | dict.fromkeys(agreement.get("organizations", []), True)
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def organizations_to_answer(subscription: Subscription) -> list[str]:
    """Those the member has not been asked about, while private repositories are included."""
    if not subscription.includes_private:
        return []
    answered = {*map(str.lower, subscription.agreement.get("organizations_out", []))}
    unticked = [owner for owner, is_ticked in organizations(subscription).items() if not is_ticked]
    return [owner for owner in unticked if owner.lower() not in answered]


def change_omissions(subscription: Subscription, **changes: Any) -> SyncRun | None:
    """From this moment it is not collected; what files hold of it goes in the run that is returned.

    `changes` are `texts`, `private_counts`, `left_out`, `organizations` and `organizations_out` as they stand
    in the agreement. What is taken in again is read from GitHub once more. A sync under way is stopped and
    goes on afterwards. Raise `SyncUnderWay` during an erasing.
    """
    now = timezone.now()
    with transaction.atomic():
        subscription = removing.locked(subscription)
        before = subscription.omissions
        subscription.agreement = {**subscription.agreement, **changes, "agreed_at": now.isoformat()}
        after = subscription.omissions
        if after != before:
            _apply(subscription, before, after, now)
        subscription.save(update_fields=["agreement", "lists", "probe", "next_due_at"])
        if after == before:
            return None
        return _start(subscription, is_less=after.adds_to(before))


def _apply(subscription: Subscription, before: Omissions, after: Omissions, now: datetime) -> None:
    """What our own rows say follows the choice. The caller saves the subscription."""
    subscription.next_due_at = now
    if after.private_counts:
        subscription.year_files.update(private_contributions=None)
        subscription.probe = {name: seen for name, seen in subscription.probe.items() if name != "restricted"}
    gone = [state.pk for state in subscription.repositories.all() if _covers(after, state)]
    removing.take_tracks_out(subscription, subscription.repositories.filter(pk__in=gone))
    subscription.repositories.filter(pk__in=gone).delete()
    if before.adds_to(after):
        read_everything_again(subscription)


def _covers(omissions: Omissions, state: RepositoryState) -> bool:
    return omissions.covers_repository(state.node_id, state.name) or omissions.covers_private(
        state.name, state.visibility
    )


def _start(subscription: Subscription, *, is_less: bool) -> SyncRun | None:
    if is_less and subscription.year_files.exclude(current_id=None).exists():
        return removing.write_again(subscription, subscription.year_files.all())
    active = subscription.active_run
    if active is not None and active.trigger == SyncRun.Trigger.REMOVE:
        return active
    if active is not None:
        runs.cancel(active)
    if subscription.status != Subscription.Status.ACTIVE:
        return None
    return runs.start(subscription, SyncRun.Trigger.MEMBER, is_interactive=True)
