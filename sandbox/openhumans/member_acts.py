"""What a member does on Open Humans itself: leaving a project, with the webhook that may follow."""

import hashlib
import hmac
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime

from sandbox.openhumans.options import Options
from sandbox.openhumans.state import State
from sandbox.server import Faults

_WEBHOOK_SECONDS = 30  # the real server waits for ever; nobody wants that of a stand-in


@dataclass(frozen=True, slots=True)
class Departure:
    """How leaving went. The member is out in any case; not clean means that they saw an error page."""

    was_member: bool
    is_clean: bool
    webhook_statuses: tuple[int, ...]
    deleted_files: int


class MemberActs:
    def __init__(self, state: State, options: Options, faults: Faults) -> None:
        self._state = state
        self._options = options
        self._faults = faults

    def leave(self, member: str, *, is_erasure_requested: bool, is_removing_files: bool) -> Departure:
        """End the membership in the real server's order: tokens, webhook, files.

        As the real server at present, it fails before the webhook unless erasure is asked for; the switch
        `webhook_fixed` gives the working behaviour.
        """
        was_member = self._state.grants.leave(member, is_erasure_requested=is_erasure_requested)
        statuses: tuple[int, ...] = ()
        if was_member and self._options.webhook_url:
            if not is_erasure_requested and not self._faults.peek("webhook_fixed"):
                return Departure(was_member, is_clean=False, webhook_statuses=(), deleted_files=0)
            try:
                statuses = self._call_webhook(
                    self._options.webhook_url, member, is_erasure_requested=is_erasure_requested
                )
            except OSError:
                return Departure(was_member, is_clean=False, webhook_statuses=(), deleted_files=0)
        deleted = 0
        if was_member and is_removing_files:
            deleted = sum(self._state.files.delete(file) for file in self._state.files.of_member(member))
        return Departure(was_member, is_clean=True, webhook_statuses=statuses, deleted_files=deleted)

    def _call_webhook(self, url: str, member: str, *, is_erasure_requested: bool) -> tuple[int, ...]:
        """One signed call; if it is not answered with 2xx, a second one, unsigned and encoded twice."""
        moment = datetime.fromtimestamp(self._state.now(), UTC)
        text = json.dumps(
            {
                "project_member_id": member,
                "erasure_requested": is_erasure_requested,
                "timestamp": moment.isoformat(timespec="microseconds"),
            }
        )
        headers = {"Content-Type": "application/json"}
        if self._options.webhook_secret:
            secret = self._options.webhook_secret.encode()
            digest = hmac.new(secret, text.encode(), hashlib.sha1).hexdigest()
            headers["X-OpenHumans-Webhooks-Signature"] = f"sha1={digest}"
        first = _post(url, text.encode(), headers)
        if 200 <= first < 300:
            return (first,)
        return (first, _post(url, json.dumps(text).encode(), {"Content-Type": "application/json"}))


def _post(url: str, body: bytes, headers: dict[str, str]) -> int:
    call = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310 - see Options
    try:
        with urllib.request.urlopen(call, timeout=_WEBHOOK_SECONDS) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return int(error.code)
