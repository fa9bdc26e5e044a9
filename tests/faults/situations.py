"""Everything that is known to happen, brought about on purpose: what the member then reads, and how it ends.

One `Situation` is one line of `docs/promises.md`, "When something fails". It lasts until it shows; then it is
over, the member does what the page asks of them, and everything must be as if nothing had happened.
"""

import html
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from config.run.visitor import Visitor
from tests.faults.gate import Gate
from tests.faults.killing import LATENCY_MS, Truth, check
from tests.faults.publishing import require_whole_copies
from tests.faults.stack import MEMBER, Stack
from tests.faults.summary import IS_LONG, Drill, say

# Answers of GitHub before it happens: the newest commits are here by then, and older ones are not.
AFTER = 7
# A limit that is over before anybody looks would not show.
BLOCK_SECONDS = 2.0 if IS_LONG else 1.0
# GitHub names no moment with this one: the shortest wait must find the limit over.
SILENT = "secondary_without_retry_after"
FORMS = (
    "graphql_rate_limited",
    "graphql_rate_limit",
    "graphql_rate_limited_remaining_4",
    "primary_403",
    "primary_429",
    "secondary_retry_after",
    "secondary_429",
    "secondary_200",
    "secondary_old_wording",
)
GRAPHQL = "POST /api/graphql"
GITHUB_TOKEN = "POST /login/oauth/access_token"
OPENHUMANS_TOKEN = "POST /oauth2/token/"
PUT = "PUT /storage/*"
COMPLETE = "POST /api/direct-sharing/project/files/upload/complete/"
TOO_LARGE = b"<Error><Code>EntityTooLarge</Code><Message>Your proposed upload is too large</Message></Error>"

Wrong = Callable[[Stack], AbstractContextManager[Any]]
Shows = Callable[[Stack], bool]
Mend = Callable[[Stack, Visitor], None]


def nothing_to_do(_stack: Stack, _visitor: Visitor) -> None:
    """The member need not do anything."""


def update_now(_stack: Stack, visitor: Visitor) -> None:
    visitor.update_now()


def connect_again(_stack: Stack, visitor: Visitor) -> None:
    visitor.connect()


def sign_in_again(_stack: Stack, visitor: Visitor) -> None:
    visitor.sign_in("/dashboard/", "/dashboard/")


def a_minute_later(stack: Stack, _visitor: Visitor) -> None:
    """So long nothing is sent after a limit without a moment, whatever the shortest wait is set to."""
    stack.forget_budgets()


def ten_minutes_later(stack: Stack, _visitor: Visitor) -> None:
    """So long nobody looks again whether what is wrong with the site has been set right."""
    stack.execute("update sync_providerstate set probe_at = now() where opened_at is not null")
    stack.execute("update sync_syncrun set resume_at = now(), nudge_at = now() where state = 'waiting'")


@dataclass(frozen=True)
class Situation:
    """`wrong`: what is so while it lasts. `told`: words on the member's page then; "" if nothing shows."""

    line: str
    name: str
    wrong: Wrong
    shows: Shows
    told: str | None = ""
    mend: Mend = nothing_to_do

    def __str__(self) -> str:
        return f"{self.line}: {self.name}"


def go_through(stack: Stack, situation: Situation, truth: Truth, drill: Drill) -> Truth:
    """In the middle of a backfill it happens, lasts until it shows, and ends."""
    stack.forget_everything()
    for gate in (stack.github, stack.openhumans):
        stack.fault(gate, latency_ms=LATENCY_MS)
    with ExitStack() as over:
        visitor = stack.connect()
        stack.live(lambda: stack.github.count(GRAPHQL) >= AFTER, what="the backfill is under way")
        with stack.github.hold(GRAPHQL, "request") as held:
            stack.live(lambda: held.is_reached, what="the backfill goes on")
            over.enter_context(situation.wrong(stack))
        stack.live(lambda: situation.shows(stack), what=f"it shows: {situation}")
        _look(stack, situation, visitor)
    situation.mend(stack, visitor)
    took = stack.live(lambda: stack.settled, what=f"it goes on after: {situation}")
    stack.require_success_at_last()
    if situation.told == "":
        assert stack.waits_and_failures() == (0, 0), f"{situation}: nothing was to be seen of it"
    assert "Up to date" in visitor.get("/dashboard/").text
    say(f"{situation}; everything was there {took:.1f} s after it was over")
    return check(stack, truth, drill, 1)


def _look(stack: Stack, situation: Situation, visitor: Visitor) -> None:
    """The member's page says so, and their files are whole."""
    page = visitor.get("/dashboard/").text
    assert (situation.told or "") in html.unescape(page), f"{situation}: {stack.runs()}\n{page}"
    require_whole_copies(stack, set())


# --- What can be wrong ------------------------------------------------------------------------------------


@contextmanager
def _faults(at: Callable[[Stack], Gate], switches: dict[str, Any], stack: Stack) -> Iterator[None]:
    gate = at(stack)
    stack.fault(gate, **switches)
    yield
    stack.fault(gate, **dict.fromkeys(switches, False))


def github(**switches: Any) -> Wrong:
    return partial(_faults, lambda stack: stack.github, switches)


def openhumans(**switches: Any) -> Wrong:
    return partial(_faults, lambda stack: stack.openhumans, switches)


def while_a_file_is_replaced(wrong: Wrong) -> Wrong:
    """A limit publishes what is whole, and so the file of a year that was begun before."""

    @contextmanager
    def both(stack: Stack) -> Iterator[None]:
        with limit("graphql_rate_limited")(stack), wrong(stack):
            yield

    return both


def limit(form: str) -> Wrong:
    seconds = 0.2 if form == SILENT else BLOCK_SECONDS
    return github(refuse_after_requests={"after": 0, "for_seconds": seconds, "form": form})


@contextmanager
def openhumans_says(call: str, status: int, content: bytes, stack: Stack) -> Iterator[None]:
    with stack.openhumans.answer_instead(call, status, content):
        yield


@contextmanager
def github_says(content: bytes, stack: Stack) -> Iterator[None]:
    with stack.github.answer_instead(GRAPHQL, 200, content):
        yield


@contextmanager
def wrong_secret(stack: Stack) -> Iterator[None]:
    """It shows when a token has to be refreshed."""
    stack.state.grants.expire_access_tokens()
    with openhumans(invalid_client=True)(stack):
        yield


@contextmanager
def expired_token(stack: Stack) -> Iterator[None]:
    stack.state.grants.expire_access_tokens()
    yield


@contextmanager
def access_taken_back(stack: Stack) -> Iterator[None]:
    stack.state.grants.leave(MEMBER, is_erasure_requested=False)
    yield


@contextmanager
def full_disk(stack: Stack) -> Iterator[None]:
    """Nothing can be written where the worker keeps what it is about to send."""
    kept = stack.scratch.with_name("kept")
    stack.scratch.rename(kept)
    stack.scratch.touch()
    yield
    stack.scratch.unlink()
    kept.rename(stack.scratch)


# --- How it shows -----------------------------------------------------------------------------------------


def waiting(reason: str) -> Shows:
    return lambda stack: stack.is_waiting_for(reason)


def failed(code: str) -> Shows:
    return lambda stack: any(run[0] == "failed" and run[3] == code for run in stack.runs())


def used_up(name: str) -> Shows:
    return lambda stack: name not in stack.faults(stack.github)


def refreshed(call: str) -> Shows:
    """The first time was when the member consented."""
    return lambda stack: stack.github.count(call) + stack.openhumans.count(call) >= 2


def unreadable(stack: Stack) -> bool:
    """The rest was read nevertheless."""
    noted = stack.rows("select count(*) from sync_repositorystate where not_readable <> ''")
    return stack.settled and noted == [(1,)]


# --- All of them ------------------------------------------------------------------------------------------

LIMIT, HEAVY, TOKEN = "GitHub's limit", "GitHub gives up on a request", "GitHub refuses the token"
OUT = "GitHub is out"
REPOSITORY = "one repository cannot be read"
ACCESS, OPEN_HUMANS = "Open Humans refuses the token", "Open Humans is out, slow or loses an answer"
ANSWER, OURSELVES = "an answer that cannot be used", "our own disk, secret or file"
WAITING = "Waiting for GitHub"
OPENHUMANS_SILENT = "Open Humans is not answering"
GITHUB_SILENT, STOPPED = "GitHub is not answering", "Updates have stopped for a while"

SITUATIONS = [
    *(Situation(LIMIT, form, limit(form), waiting("github_limit"), WAITING) for form in FORMS),
    Situation(LIMIT, SILENT, limit(SILENT), waiting("github_limit"), WAITING, a_minute_later),
    *(
        Situation(HEAVY, name, github(**{name: value}), used_up(name))
        for name, value in {
            "status_502": {"times": 1},
            "status_504": {"times": 1},
            "something_went_wrong": {"times": 1},
            "resource_limits_exceeded": {"times": 1},
            "truncate_body": {"times": 1},
        }.items()
    ),
    *(
        Situation(
            OUT, name, github(**{name: value}), waiting("github_unavailable"), "GitHub is not answering"
        )
        for name, value in {"status_500": True, "status_503": {"html": True}, "drop_connection": True}.items()
    ),
    Situation(TOKEN, "expired", github(expire_tokens=True), refreshed(GITHUB_TOKEN)),
    Situation(
        TOKEN,
        "revoked",
        github(revoke_tokens=True),
        failed("github_access_lost"),
        "Connect GitHub again",
        connect_again,
    ),
    *(
        Situation(REPOSITORY, name, github(**{name: ["repository-1"]}), unreadable, None, update_now)
        for name in ("forbidden_repository", "blocked_repository", "gone_repository")
    ),
    Situation(ACCESS, "expired", expired_token, refreshed(OPENHUMANS_TOKEN)),
    Situation(
        ACCESS,
        "revoked",
        access_taken_back,
        failed("openhumans_access_lost"),
        "Sign in with Open Humans again",
        sign_in_again,
    ),
    *(
        Situation(
            OPEN_HUMANS,
            name,
            openhumans(**{name: value}),
            waiting("openhumans_unavailable"),
            OPENHUMANS_SILENT,
        )
        for name, value in {
            "html_500": True,
            "fail_list": True,
            "fail_start": True,
            "fail_put": True,
            "fail_complete": True,
            "lose_complete_answer": True,
            "truncate_body": "hang_up",
        }.items()
    ),
    *(
        Situation(
            OPEN_HUMANS,
            name,
            while_a_file_is_replaced(openhumans(**{name: True})),
            waiting("openhumans_unavailable"),
            OPENHUMANS_SILENT,
        )
        for name in ("fail_download", "truncate_download", "fail_delete")
    ),
    Situation(
        ANSWER,
        "wrong types from GitHub",
        partial(github_says, b'{"data": {"viewer": 17}}'),
        failed("github_unexpected_response"),
        "We could not read GitHub's answer",
        update_now,
    ),
    Situation(
        ANSWER,
        "broken JSON from Open Humans",
        openhumans(truncate_body=True),
        failed("openhumans_unexpected_response"),
        "We could not save your files",
        update_now,
    ),
    Situation(
        OURSELVES,
        "full disk",
        full_disk,
        waiting("site"),
        "Updates have stopped for a while",
        ten_minutes_later,
    ),
    Situation(
        OURSELVES,
        "wrong secret",
        wrong_secret,
        waiting("site"),
        "Updates have stopped for a while",
        ten_minutes_later,
    ),
    Situation(
        OURSELVES,
        "file too large",
        partial(openhumans_says, PUT, 400, TOO_LARGE),
        failed("openhumans_too_heavy"),
        "We could not save your files",
        update_now,
    ),
    Situation(
        OURSELVES,
        "another size than was sent",
        partial(openhumans_says, COMPLETE, 200, b'{"size": 17}'),
        failed("archive_upload_refused"),
        "We could not save your files",
        update_now,
    ),
]
LINES = list(dict.fromkeys(situation.line for situation in SITUATIONS))
