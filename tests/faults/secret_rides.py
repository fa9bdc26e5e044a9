"""A private repository whose name, message and path say something: none of it may be said by the service.

It may stand in the member's files at Open Humans, and the names in the columns that docs/data-inventory.md
names. What else could tell it, logs and error reports first of all, is searched when a drill is over.
"""

import json
from collections.abc import Callable
from pathlib import Path

from config.run.forms import read_forms
from config.run.visitor import Visitor
from tests.faults.histories import EMAIL
from tests.faults.stack import Stack
from tests.repositories import Repository
from tests.secrets import planted

GRAPHQL = "POST /api/graphql"
Wait = Callable[[Stack, str], None]


def secret_rides(folder: Path) -> Repository:
    """Outside of what is searched: at GitHub everything may be read."""
    return planted.private_repository(folder / planted.NAME, EMAIL)


def hide(stack: Stack) -> None:
    """At GitHub the repository is private from now on; here its words are searched for."""
    stack.act("make_private", repository=planted.NAME)
    stack.private_names |= planted.PRIVATE_NAMES


def connect(stack: Stack) -> Visitor:
    visitor = Visitor(stack.site)
    visitor.sign_in()
    visitor.connect("private")
    return visitor


def collect_tracks(stack: Stack, visitor: Visitor, wait: Wait) -> None:
    """The member lets us look, ticks all that was found, and has it written."""
    submit(visitor, "/tracks/look/", {})
    wait(stack, "done")
    shown = [
        form.fields["shown"] for form in read_forms(visitor.get("/tracks/").text) if "shown" in form.fields
    ]
    assert len(shown) == 1, f"No folder was found: {stack.runs()}"
    submit(visitor, "/tracks/folders/", {"folder": shown[0], "shown": shown[0]})
    wait(stack, "done")


def submit(visitor: Visitor, path: str, chosen: dict[str, str]) -> None:
    page = visitor.get("/tracks/")
    token = visitor.session.cookies["csrftoken"]
    sent = {**chosen, "csrfmiddlewaretoken": token}
    answer = visitor.session.post(
        f"{visitor.site}{path}", data=sent, headers={"Referer": page.url}, timeout=60
    )
    assert answer.status_code == 200, answer.status_code


def fail_over_them(stack: Stack, visitor: Visitor, wait: Wait) -> None:
    """An answer that cannot be used and says all of it: the run fails, and an error is reported."""
    words = " ".join([*stack.private_names, planted.MARKER])
    broken = json.dumps({"data": {"viewer": words}, words: {"message": words}}).encode()
    with stack.github.answer_instead(GRAPHQL, 200, broken):
        visitor.update_now()
        wait(stack, "done")
    assert stack.runs()[-1][3] == "github_unexpected_response"


def require_reported_and_kept(stack: Stack) -> None:
    """What is searched is not empty: errors were reported, and the words are where they belong."""
    files = b"\n".join(stack.stored().values()).decode()
    for word in (*stack.private_names, f"{planted.MESSAGE} 3"):
        assert word in files, f"{word} is missing in the member's files"
    assert any("Run failed" in text for text in stack.reports.texts())
