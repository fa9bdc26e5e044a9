"""The naive way, for comparison: how the app before this one works, written anew and as well as it can be.

At every sync it lists all repositories, then every repository's commits by author, 100 a page, whatever it
has already; the one file with everything goes down from Open Humans and up again. No statistics of commits
(they are one more request for each), no kinds but commits, no limits kept.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

import requests
from django.conf import settings

from accounts.models import Credential
from sync.models import Subscription

PAGE = 100
FILE = "github-data.json"
API = "/api/direct-sharing/project/"


@dataclass
class NaiveSync:
    """One member's sync, which remembers how many pages of commits each repository has, and their bytes."""

    subscription: Subscription

    def __post_init__(self) -> None:
        self._github = _session(self.subscription, "github")
        self._openhumans = _session(self.subscription, "openhumans")
        self.pages_of: dict[str, int] = {}
        self._first_pages: dict[str, int] = {}
        self._read_bytes = self._file_bytes = 0

    def run(self, pages: int | None = None) -> dict[str, list[dict[str, Any]]]:
        """Everything, read again. `pages` limits how many are read of one repository: then it only counts."""
        held = self._download()
        login = self._get("/user").json()["login"]
        for name in self._repositories():
            held[name] = self._commits(name, login, pages)
        self._upload(held)
        return held

    @property
    def requests_for_commits(self) -> int:
        """To GitHub, of a whole sync: who, the list of repositories, and each page of commits."""
        return 1 + max(1, -(-len(self.pages_of) // PAGE)) + sum(self.pages_of.values())

    def bytes_of_commits(self) -> int:
        """Of a whole sync, by the pages that were counted.

        A page that is the only one was measured; of others each is as large as a first one is, and the last
        one on average half of that.
        """
        full = [self._first_pages[name] for name, pages in self.pages_of.items() if pages > 1]
        single = sum(self._first_pages.get(name, 0) for name, pages in self.pages_of.items() if pages == 1)
        pages = sum(pages - 0.5 for pages in self.pages_of.values() if pages > 1)
        return single + round(pages * sum(full) / max(1, len(full)))

    def bytes_of_file(self) -> int:
        """Of the one file with all of them: it grows as what was read does."""
        return round(self.bytes_of_commits() * self._file_bytes / max(1, self._read_bytes))

    def _repositories(self) -> list[str]:
        names: list[str] = []
        for response in self._pages("/user/repos", {}):
            names += [repository["full_name"] for repository in response.json()]
        return names

    def _commits(self, name: str, login: str, most: int | None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for number, response in enumerate(self._pages(f"/repos/{name}/commits", {"author": login}), start=1):
            self.pages_of[name] = max(last_page(response.headers.get("Link", "")), number)
            if response.status_code == 409:  # an empty repository
                break
            found += response.json()
            self._read_bytes += len(response.content)
            self._first_pages.setdefault(name, len(response.content))
            if number == most:
                break
        return found

    def _pages(self, path: str, arguments: dict[str, str]) -> Any:
        number, last = 1, 1
        while number <= last:
            response = self._get(path, {**arguments, "per_page": str(PAGE), "page": str(number)})
            last = max(last, last_page(response.headers.get("Link", "")))
            yield response
            number += 1

    def _get(self, path: str, arguments: dict[str, str] | None = None) -> requests.Response:
        response = self._github.get(f"{settings.GITHUB_API_URL}{path}", params=arguments, timeout=120)
        if response.status_code != 409:
            response.raise_for_status()
        return response

    # --- The one file ---------------------------------------------------------------------------------------

    def _download(self) -> dict[str, list[dict[str, Any]]]:
        files = self._ask("GET", "exchange-member/").json()["data"]
        self._old = [file["id"] for file in files if file["basename"] == FILE]
        if not self._old:
            return {}
        address = next(file["download_url"] for file in files if file["basename"] == FILE)
        link = self._openhumans.get(address, timeout=120, allow_redirects=False).headers["Location"]
        response = requests.get(link, timeout=120)
        response.raise_for_status()
        held: dict[str, list[dict[str, Any]]] = response.json()
        return held

    def _upload(self, held: dict[str, list[dict[str, Any]]]) -> None:
        content = json.dumps(held).encode()
        self._file_bytes = len(content)
        member = self.subscription.user.open_humans_id
        about = {"tags": ["commits"], "description": "Commits.", "md5": hashlib.md5(content).hexdigest()}  # noqa: S324
        form = {"project_member_id": member, "filename": FILE, "metadata": json.dumps(about)}
        started = self._ask("POST", "files/upload/direct/", form).json()
        requests.put(started["url"], data=content, timeout=120).raise_for_status()
        self._ask("POST", "files/upload/complete/", {"project_member_id": member, "file_id": started["id"]})
        for old in self._old:
            self._ask("POST", "files/delete/", {"project_member_id": member, "file_id": old})

    def _ask(self, method: str, path: str, form: dict[str, Any] | None = None) -> requests.Response:
        address = f"{settings.OPENHUMANS_URL}{API}{path}"
        response = self._openhumans.request(method, address, data=form, timeout=120)
        response.raise_for_status()
        return response


def last_page(link: str) -> int:
    """From a Link header: the number of the last page, 1 where there is no other."""
    found = re.search(r'[?&]page=(\d+)[^>]*>; rel="last"', link)
    return int(found[1]) if found else 1


def _session(subscription: Subscription, provider: str) -> requests.Session:
    credential = Credential.objects.get(identity__user=subscription.user, identity__provider=provider)
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {credential.access_token}"
    return session
