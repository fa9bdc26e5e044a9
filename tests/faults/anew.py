"""Another first run in the same world."""

from typing import Any

from accounts.models import Credential
from sync.consent import Choice
from sync.models import ProviderState, Subscription, SyncRun, TrackSettings
from tests.sync.world import World, forget_budget


def begin_anew(world: World) -> None:
    """As after connecting: nothing read, nothing published, nothing in the stand-ins' logs."""
    world.github.reset()
    world.openhumans.reset()
    state, subscription = world.state, world.subscription
    for file in state.files.of_member(str(world.member.open_humans_id)):
        state.files.delete(file)
    SyncRun.objects.all().delete()
    ProviderState.objects.all().delete()
    for rows in (
        subscription.year_files,
        subscription.repositories,
        subscription.staged_batches,
        subscription.track_blobs,
    ):
        rows.all().delete()
    TrackSettings.objects.filter(subscription=subscription).delete()
    fresh: dict[str, Any] = {"lists": {}, "probe": {}, "batch_sizes": {}, "told": {}}
    Subscription.objects.filter(pk=subscription.pk).update(
        **fresh, ledger_starts_on=None, failures=0, status="active", reason="", blocked_until=None
    )
    set_right(world)


def set_right(world: World) -> None:
    """What the member would do after a refused token, and time after a limit."""
    forget_budget(world.subscription)
    is_private = world.subscription.agreement.get("private")
    world.connect(Choice.PRIVATE if is_private else Choice.PUBLIC)
    Credential.objects.update(state=Credential.State.VALID)
    Subscription.objects.update(status="active", failures=0, blocked_until=None)
    world.subscription.refresh_from_db()
