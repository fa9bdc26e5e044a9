"""What a member is told about their sync: one line, and the one thing to do next. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sync.models import EraseScope, Subscription, SyncRun


class Tone(StrEnum):
    GOOD = "good"
    BUSY = "busy"
    WAITING = "waiting"
    ATTENTION = "attention"


class Action(StrEnum):
    NONE = ""
    UPDATE = "update"
    CONNECT_GITHUB = "connect_github"
    SIGN_IN = "sign_in"
    RESUME = "resume"
    TRY_AGAIN = "try_again"
    RECEIPT = "receipt"


@dataclass(frozen=True, slots=True)
class Status:
    """`at`, when there is one, completes the headline: "Waiting for GitHub until" 14:05."""

    tone: Tone
    headline: str
    at: datetime | None = None
    text: str = ""
    action: Action = Action.NONE


DELETING = {
    EraseScope.GITHUB: "Disconnecting GitHub",
    EraseScope.PRIVATE: "Deleting your private files",
    EraseScope.FILES: "Deleting your files",
    EraseScope.FILE: "Deleting a file",
    EraseScope.ACCOUNT: "Deleting your account",
    EraseScope.CHANGE: "Making room for another GitHub account",
    EraseScope.REPLACE: "Making room for another GitHub account",
}


# The only failure that its member can mend; the reason says which file it is.
DAMAGED = "archive_damaged_file"
# By how an error code begins: what made an update fail, never what the error itself said.
CAUSES = {
    "github_": "we could not read GitHub's answers",
    "openhumans_": "Open Humans did not answer as we expected",
    "archive_": "your files could not be written as they should be",
}


def status_of(
    subscription: Subscription, newest: SyncRun | None, now: datetime, last_error_code: str = ""
) -> Status:
    """`newest` is the newest run, `last_error_code` that of the newest failed one."""
    if newest is not None and newest.trigger == SyncRun.Trigger.ERASE:
        if newest.is_active:
            return _deleting(newest)
        if newest.state == SyncRun.State.FAILED:
            return Status(
                Tone.ATTENTION,
                "Not everything could be deleted",
                text="The receipt says what is left, and what you can do.",
                action=Action.RECEIPT,
            )
    if newest is not None and newest.trigger == SyncRun.Trigger.REMOVE and newest.is_active:
        return _taking_out(newest)
    if subscription.status != Subscription.Status.ACTIVE:
        return _stopped(subscription, last_error_code)
    if newest is not None and newest.state == SyncRun.State.WAITING:
        return _waiting(newest, now)
    if newest is not None and newest.is_active:
        return _under_way(subscription, newest)
    return _at_rest(subscription, newest, now)


def _deleting(run: SyncRun) -> Status:
    text = _why_it_waits(run) or "You asked for it. Nothing else happens until it is done."
    return Status(Tone.BUSY, DELETING[EraseScope(run.erase_scope)], text=text, action=Action.RECEIPT)


def _taking_out(run: SyncRun) -> Status:
    if run.state == SyncRun.State.WAITING and run.error_code == DAMAGED:
        return Status(Tone.ATTENTION, "One of your files is damaged", text=run.error)
    text = _why_it_waits(run) or "The files that held it are written again, and the old ones deleted."
    return Status(Tone.BUSY, "Taking out what you removed", text=text)


def _why_it_waits(run: SyncRun) -> str:
    if run.state == SyncRun.State.WAITING and run.wait_reason:
        return f"{run.get_wait_reason_display()}; it goes on by itself."
    return ""


def _stopped(subscription: Subscription, last_error_code: str) -> Status:
    status = Subscription.Status(subscription.status)
    if status == Subscription.Status.PAUSED:
        return _paused(subscription, last_error_code)
    if status == Subscription.Status.RECONNECT_GITHUB:
        headline = "Connect GitHub again"
        text = "GitHub no longer accepts our access. Your files stay as they are; nothing is lost."
        action = Action.CONNECT_GITHUB
    elif status == Subscription.Status.RECONNECT_OPENHUMANS:
        headline = "Sign in with Open Humans again"
        text = "Open Humans no longer accepts our access. Your files stay as they are; nothing is lost."
        action = Action.SIGN_IN
    else:
        headline = "GitHub is not connected"
        text = "Nothing is collected. Files collected before stay in your Open Humans account."
        if subscription.awaits_another_account:
            text = f"Nothing of {subscription.github_login} is kept here any more. Connect the other account."
        text = subscription.reason or text
        action = Action.CONNECT_GITHUB
    return Status(Tone.ATTENTION, headline, text=text, action=action)


def _paused(subscription: Subscription, last_error_code: str) -> Status:
    if subscription.is_paused_by_member:
        return Status(Tone.ATTENTION, "Paused", text=subscription.reason, action=Action.RESUME)
    if subscription.is_paused_by_operator:
        text = f"{subscription.reason.rstrip('. ')}. Only they can end this. Your files stay as they are."
        return Status(Tone.ATTENTION, "Paused", text=text)
    if last_error_code == DAMAGED:
        return Status(Tone.ATTENTION, "Paused", text=subscription.reason, action=Action.TRY_AGAIN)
    cause = next((words for start, words in CAUSES.items() if last_error_code.startswith(start)), "")
    text = f"Five updates in a row failed: {cause or 'something went wrong on our side'}."
    text += " Your files stay as they are. If it fails again, tell the people who run this site."
    return Status(Tone.ATTENTION, "Paused", text=text, action=Action.TRY_AGAIN)


def _waiting(run: SyncRun, now: datetime) -> Status:
    if run.wait_reason == SyncRun.WaitReason.SITE:
        text = "The people who run this site have to set something right first. You need not do anything."
        return Status(Tone.WAITING, "Updates have stopped for a while", text=text)
    at = run.resume_at if run.resume_at is not None and run.resume_at > now else None
    if run.wait_reason == SyncRun.WaitReason.GITHUB_UNAVAILABLE:
        headline, text = _trying_again("GitHub is not answering", at), "What was collected so far is kept."
    elif run.wait_reason == SyncRun.WaitReason.OPENHUMANS_UNAVAILABLE:
        headline, text = (
            _trying_again("Open Humans is not answering", at),
            "What was collected so far is kept.",
        )
    else:
        headline = "Waiting for GitHub until" if at else "Waiting for GitHub, going on in a moment"
        text = "Nothing is wrong: GitHub allows so many requests an hour, and what we have so far is saved."
    return Status(Tone.WAITING, headline, at=at, text=text)


def _trying_again(cause: str, at: datetime | None) -> str:
    return f"{cause}, trying again at" if at else f"{cause}, trying again now"


def _under_way(subscription: Subscription, run: SyncRun) -> Status:
    is_first = subscription.synced_at is None
    if run.state == SyncRun.State.QUEUED:
        headline = "Your first sync is about to start" if is_first else "An update is about to start"
        return Status(Tone.BUSY, headline)
    text = "Newest weeks first, then further and further back." if is_first else "Asking GitHub what is new."
    return Status(Tone.BUSY, "Syncing", text=text)


def _what_failed(code: str) -> str:
    if code.startswith("github_"):
        return "We could not read GitHub's answer"
    if code.startswith(("openhumans_", "archive_")):
        return "We could not save your files"
    return "Something went wrong on our side"


def _at_rest(subscription: Subscription, newest: SyncRun | None, now: datetime) -> Status:
    if newest is not None and newest.state == SyncRun.State.FAILED:
        at = subscription.next_due_at if subscription.next_due_at > now else None
        return Status(
            Tone.ATTENTION,
            _trying_again(_what_failed(newest.error_code), at),
            at=at,
            text="Your files stay as they are; nothing is lost.",
            action=Action.UPDATE,
        )
    if newest is not None and newest.state == SyncRun.State.CANCELLED:
        text = "What was collected until then is kept."
        return Status(Tone.ATTENTION, "The last update was stopped", text=text, action=Action.UPDATE)
    if subscription.synced_at is None:
        return Status(Tone.WAITING, "Nothing has been collected yet", action=Action.UPDATE)
    return Status(Tone.GOOD, "Up to date", action=Action.UPDATE)
