import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from sync import credentials
from sync.consent import Choice
from sync.pages.your_data import COLUMNS, THREE_LINES, make_notebook
from tests.repositories import Repository
from tests.sync.page_words import words
from tests.sync.world import World, living


@pytest.fixture
def world(tmp_path: Path, settings: Settings, transactional_db: None) -> Iterator[World]:
    """Commits in several years, and two in a private repository."""
    email = f"{uuid4().hex[:12]}@example.org"
    trails, secret = (Repository.create(tmp_path / name, email) for name in ("trails", "secret"))
    now = datetime.now(UTC)
    trails.add((now - timedelta(days=700 - 50 * n)).isoformat(timespec="seconds") for n in range(14))
    secret.add([(now - timedelta(days=3)).isoformat(timespec="seconds")])
    repositories = {"trails": trails, "secret": secret}
    with living(tmp_path, settings, repositories, choice=Choice.PRIVATE, private=("secret",)) as world:
        world.sync()
        yield world


def run_notebook(world: World, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Every code cell in turn, with nothing but the token."""
    monkeypatch.setenv("OH_ACCESS_TOKEN", credentials.openhumans_token(world.member))
    monkeypatch.delenv("OH_SERVER", raising=False)
    names: dict[str, Any] = {}
    for cell in make_notebook(world.openhumans.url)["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)  # noqa: S102 - the cells are ours
    return names


def test_the_notebook_loads_all_years_with_nothing_but_the_token(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = run_notebook(world, monkeypatch)
    commits = names["tables"]["commits"]

    assert set(commits["oid"]) == world.oids()
    assert len(commits) == len(world.oids()) == 15
    assert set(commits["visibility"]) == {"public", "private"}
    assert str(commits["authored_at"].dtype).endswith("UTC]")
    assert names["contributions"].sum() >= 14
    assert names["weekly"].sum() == names["contributions"].sum()


def test_the_notebook_leaves_files_of_other_sources_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    member, files = str(world.member.open_humans_id), world.state.files
    other = files.start(member, "steps.json", {"tags": []}, source="direct-sharing-9")
    path = files.incoming(other)
    path.write_bytes(b"not json")
    files.put(other, path, "etag")
    files.complete(other)

    assert "steps.json" not in {file["basename"] for file in run_notebook(world, monkeypatch)["years"]}


def test_the_three_lines_read_a_file(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    content = world.stored()[max(world.years())]
    (tmp_path / "github-2026.json").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(THREE_LINES, names)  # noqa: S102 - the lines are ours

    weeks = json.loads(content)["weeks"]
    assert list(names["commits"]["oid"]) == [
        c["oid"] for week in sorted(weeks) for c in weeks[week]["commits"]
    ]
    assert set(names["commits"]["week"]) <= set(weeks)


def test_the_lines_on_the_page_are_those_of_the_readme(client: Client, db: None) -> None:
    readme = Path(__file__).parents[3] / "README.md"

    assert THREE_LINES in readme.read_text(encoding="utf-8")
    assert "pandas.DataFrame" in words(client.get(reverse("your_data")).content)


def test_the_notebook_is_one_that_jupyter_opens(client: Client, db: None, settings: Settings) -> None:
    response = client.get(reverse("notebook"))
    notebook = json.loads(response.content)

    assert response["Content-Disposition"] == 'attachment; filename="github-for-open-humans.ipynb"'
    assert (notebook["nbformat"], notebook["metadata"]["kernelspec"]["name"]) == (4, "python3")
    assert {cell["cell_type"] for cell in notebook["cells"]} == {"markdown", "code"}
    assert notebook["cells"][0]["source"][0] == "# Your GitHub activity, week by week\n"
    for cell in notebook["cells"]:
        assert "%%" not in "".join(cell["source"])
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
    assert settings.OPENHUMANS_URL in response.content.decode()
    assert "@" not in "".join(notebook["cells"][1]["source"])


def test_every_column_of_the_daily_table_is_explained(world: World, client: Client) -> None:
    header, *_ = world.stored()["github-daily.csv"].decode().splitlines()
    assert header.split(",") == ["date", "contributions", *COLUMNS]
    page = words(client.get(reverse("your_data")).content)
    for column, meaning in COLUMNS.items():
        assert f"{column} {meaning}" in page


def test_the_page_is_for_everybody_and_says_what_is_held(client: Client, db: None) -> None:
    response = client.get(reverse("your_data"))
    text = words(response.content)

    assert response.status_code == 200
    for said in ("in UTC", "author date", "calendar and records differ", "for 14 days", "after 90 days"):
        assert said in text
    assert f'href="{reverse("schema")}"' in response.content.decode()
    assert f'href="{reverse("leaving")}"' not in response.content.decode()


@pytest.mark.parametrize("name", ["your_data", "notebook"])
def test_it_is_only_read(client: Client, name: str) -> None:
    assert client.post(reverse(name)).status_code == 405
