"""A person without hands: signs in, connects, waits and downloads, through the pages that people use."""

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from config.run.errors import RunError
from config.run.forms import Form, read_forms

Json = dict[str, Any]
ANSWER_SECONDS = 60
LOOK_SECONDS = 0.5
START_SECONDS = 30.0


class VisitError(RunError):
    """A page was not what a person would need to go on."""


class Visitor:
    """One browser session on `site` (an address without a trailing slash)."""

    def __init__(self, site: str) -> None:
        self.site = site
        self.session = requests.Session()
        self.session.trust_env = False  # a proxy has no business between us and this machine

    def sign_in(self, start: str = "/", arrival: str = "/connect/") -> None:
        """For the first time; or again, from the page that asks for it to the one it leads back to."""
        page = self.get(start)
        page = self._submit(
            page, self._form(page, "to sign in with Open Humans", _leads_to("/accounts/openhumans/"))
        )
        page = self._approve(page, "Open Humans")
        self._require_path(page, arrival, "after signing in with Open Humans")

    def connect(self, choice: str = "public", *, secret_gists: bool = False) -> None:
        page = self.get("/connect/")
        form = self._form(page, "to connect GitHub", lambda form: "choice" in form.names | set(form.fields))
        chosen = {"choice": choice} | ({"secret_gists": "on"} if secret_gists else {})
        page = self._submit(page, form, chosen)
        page = self._approve(page, "GitHub")
        self._require_path(page, "/dashboard/", "after connecting GitHub")

    def update_now(self) -> None:
        page = self.get("/dashboard/")
        self._submit(page, self._form(page, "to update now", _leads_to("/dashboard/update/")))

    def status(self) -> Json:
        return dict(self.get("/dashboard/status.json").json())

    def files(self) -> list[Json]:
        return list(self.get("/dashboard/files.json").json())

    def schema(self) -> Json:
        return dict(self.get("/schema/github-weeks-1.json").json())

    def download(self, url: str) -> bytes:
        return self.get(url).content

    def watch(self, deadline: float) -> Iterator[Json]:
        """The status of the sync every half second; ends with the first one that says it is over.

        Raises `VisitError` when it failed, or when it is not over at `deadline` (of the monotonic clock).
        """
        must_begin_by = time.monotonic() + START_SECONDS
        while True:
            status = self.status()
            yield status
            has_begun = status["state"] != "idle" or time.monotonic() > must_begin_by
            if has_begun and not status["is_running"]:
                break
            if time.monotonic() > deadline:
                raise VisitError(f"The sync is not over in time; its state is {status}.")
            time.sleep(LOOK_SECONDS)
        if status["state"] != "succeeded":
            why = status["error"] or status["reason"] or "no reason was given"
            raise VisitError(f"The sync ended as {status['state']!r}: {why}.")

    def get(self, path: str) -> requests.Response:
        return self._checked(self.session.get(urljoin(self.site + "/", path), timeout=ANSWER_SECONDS))

    def _approve(self, page: requests.Response, who: str) -> requests.Response:
        form = self._form(page, f"to consent at {who}", lambda form: ("decision", "approve") in form.buttons)
        return self._submit(page, form, {"decision": "approve"})

    def _form(self, page: requests.Response, purpose: str, is_it: Callable[[Form], bool]) -> Form:
        for form in read_forms(page.text):
            if is_it(form):
                return form
        raise VisitError(f"{_place(page)} has no form {purpose}.")

    def _submit(
        self, page: requests.Response, form: Form, chosen: dict[str, str] | None = None
    ) -> requests.Response:
        address = urljoin(page.url, form.action or page.url)
        chosen = chosen or {}
        data = [(name, value) for name, value in form.also if name not in chosen]
        data += {**form.fields, **chosen}.items()
        headers = {"Referer": page.url}
        if form.method == "get":
            sent = self.session.get(address, params=data, headers=headers, timeout=ANSWER_SECONDS)
        else:
            sent = self.session.post(address, data=data, headers=headers, timeout=ANSWER_SECONDS)
        return self._checked(sent)

    def _checked(self, answer: requests.Response) -> requests.Response:
        if answer.status_code != 200:
            raise VisitError(f"{_place(answer)} answered {answer.status_code}.")
        return answer

    def _require_path(self, page: requests.Response, path: str, when: str) -> None:
        if not page.url.startswith(self.site + "/") or urlsplit(page.url).path != path:
            raise VisitError(f"{when.capitalize()} the page is {_place(page)}, not {path}.")


def _leads_to(path: str) -> Callable[[Form], bool]:
    return lambda form: form.method == "post" and urlsplit(form.action).path.startswith(path)


def _place(page: requests.Response) -> str:
    """The page without its query, which may hold a code or a state."""
    return urlsplit(page.url)._replace(query="", fragment="").geturl()
