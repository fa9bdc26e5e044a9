"""Members who look at their dashboards. Run by `python -m tests.load`, in an environment that has locust.

LOAD_COOKIES names a file with one session cookie a line; each user takes one.
"""

import os
import random
import re
from html import unescape
from http import HTTPStatus
from itertools import cycle
from pathlib import Path

import gevent
from locust import FastHttpUser, constant, task

THINK_SECONDS = 10.0
# As the page itself does while a run is under way.
POLL_SECONDS = 2.0
QUESTION = re.compile(r'hx-get="(/dashboard/progress/[^"]*)" hx-trigger="every 2s"')
COOKIES = cycle(Path(os.environ["LOAD_COOKIES"]).read_text(encoding="utf-8").split())


class Member(FastHttpUser):  # type: ignore[misc]
    wait_time = constant(0)  # the think time is spent below, where the page asks for its progress

    def on_start(self) -> None:
        self.headers = {"Cookie": f"sessionid={next(COOKIES)}", "Accept-Encoding": "gzip"}
        # Not all at once for ever after.
        gevent.sleep(random.uniform(0, THINK_SECONDS))

    @task  # type: ignore[untyped-decorator]
    def look(self) -> None:
        with self.client.get(
            "/dashboard/", headers=self.headers, name="dashboard", catch_response=True
        ) as page:
            content = page.content or b""
            if page.status_code == 200 and b'id="status-headline"' not in content:
                page.failure("This is not a dashboard.")
        question = _question(content)
        left = THINK_SECONDS
        while left > 0:
            pause = min(POLL_SECONDS, left) if question else left
            gevent.sleep(pause)
            left -= pause
            if left > 0:
                answer = self.client.get(question, headers=self.headers, name="progress")
                if answer.status_code == HTTPStatus.NO_CONTENT:
                    continue
                question = _question(answer.content or b"")
                if "HX-Trigger" in answer.headers:
                    # The page asks for the rest of itself.
                    self.client.get("/dashboard/", headers=self.headers, name="dashboard")


def _question(content: bytes) -> str:
    """What a page asks every two seconds; nothing where no run is under way."""
    found = QUESTION.search(content.decode())
    return unescape(found[1]) if found else ""
