"""Small git repositories, made for one test."""

import os
import subprocess
from pathlib import Path


class Repository:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str, **env: str) -> str:
        own = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_COMMITTER_NAME": "Committer",
            "GIT_COMMITTER_EMAIL": "committer@example.org",
            **env,
        }
        command = ["git", "-C", str(self.folder), *arguments]
        return subprocess.run(command, env=own, check=True, capture_output=True, text=True).stdout.strip()

    def commit(
        self,
        message: str,
        *,
        email: str = "alice@example.org",
        at: str = "2026-04-27T09:12:01+02:00",
        files: dict[str, str | bytes] | None = None,
    ) -> str:
        for name, content in (files or {}).items():
            data = content if isinstance(content, bytes) else content.encode()
            (self.folder / name).write_bytes(data)
        self.git("add", "--all")
        author = {"GIT_AUTHOR_NAME": "Author", "GIT_AUTHOR_EMAIL": email}
        dates = {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at}
        self.git("commit", "--quiet", "--allow-empty", "-m", message, **author, **dates)
        return self.git("rev-parse", "HEAD")
