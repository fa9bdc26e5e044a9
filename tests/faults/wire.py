"""The wire between our clients and the stand-ins, within one process: answers watched and changed."""

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import requests
import urllib3
from requests.adapters import HTTPAdapter

from tests.faults.gate import pattern

Change = Callable[[requests.Response], requests.Response]


@dataclass
class Wire:
    """Changes the answer whose turn it is, once; `watch` is called with each one before it is handed on."""

    seen: int = 0
    position: int = -1
    change: Change | None = None
    hits: list[str] = field(default_factory=list)
    # What was asked, in order, by `kind_of`.
    kinds: list[str] = field(default_factory=list)
    watch: Callable[[str], None] = lambda _call: None

    def arm(self, position: int, change: Change) -> None:
        self.seen, self.position, self.change = 0, position, change

    def arm_now(self, change: Change) -> None:
        """The answer that is just being watched."""
        self.position, self.change = self.seen, change

    def disarm(self) -> None:
        self.change = None

    def pass_on(self, call: str, response: requests.Response) -> requests.Response:
        self.kinds.append(kind_of(response.request))
        self.watch(call)
        position, self.seen = self.seen, self.seen + 1
        if self.change is None or position != self.position:
            return response
        change, self.change = self.change, None
        self.hits.append(call)
        return change(response)


def kind_of(request: requests.PreparedRequest) -> str:
    """What is asked, whatever of it: an endpoint without names and numbers, or an operation of GraphQL."""
    path = pattern(request.path_url)
    if path.endswith("/graphql"):
        return f"GraphQL {json.loads(request.body or b'{}')['operationName']}"
    return f"{request.method} {re.sub(r'[0-9a-f]{40}', '*', path)}"


def made_answer(
    response: requests.Response, status: int, content: bytes, media_type: str
) -> requests.Response:
    """Another answer in the place of one that came."""
    headers = {**response.headers, "Content-Type": media_type, "Content-Length": str(len(content))}
    made = urllib3.HTTPResponse(io.BytesIO(content), headers=headers, status=status, preload_content=False)
    answer: requests.Response = HTTPAdapter().build_response(response.request, made)
    return answer
