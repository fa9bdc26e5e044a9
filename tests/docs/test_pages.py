"""What the pages say of dependencies, commands and each other is so."""

import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand

from tests.docs.tables import DOCS, names, rows

ROOT = DOCS.parent
PAGES = sorted([*DOCS.glob("*.md"), *ROOT.glob("*.md")])


def test_every_dependency_has_its_reason_and_every_reason_a_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    ours = {re.split(r"[\[~<>=;]", name)[0] for name in wanted}
    assert {names(row[0])[0] for row in rows(DOCS / "dependencies.md")} == ours


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_are_named_exist(page: Path) -> None:
    named = set(re.findall(r"manage\.py ([a-z_]+)", page.read_text(encoding="utf-8")))
    assert named - set(get_commands()) == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_of_commands_that_are_named_exist(page: Path) -> None:
    """Those that follow a command within its line or quotation, and those in brackets after it."""
    missing = []
    for name, rest in re.findall(r"manage\.py ([a-z_]+)(.*)", page.read_text(encoding="utf-8")):
        call, _, after = rest.partition("`")
        explained = re.match(r" \(([^)]*)\)", after)
        named = re.findall(r"(?<!-)--[a-z][a-z-]+", call + (explained[1] if explained else ""))
        missing += [f"{name} {option}" for option in {*named} - options_of(name)]
    assert missing == []


def options_of(name: str) -> set[str]:
    app = get_commands()[name]
    command = app if isinstance(app, BaseCommand) else load_command_class(app, name)
    parser = command.create_parser("manage.py", name)
    return {option for action in parser._actions for option in action.option_strings}


def test_every_command_of_ours_is_named_for_operators() -> None:
    ours = {name for name, app in get_commands().items() if app in ("accounts", "sync")} - {"check_sandbox"}
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [name for name in sorted(ours) if f"manage.py {name}" not in text] == []
