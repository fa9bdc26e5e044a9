"""Drills start real processes and kill them: every one prints the seed it can be played again with."""

import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from config.run.folders import throw_away
from tests.faults import summary
from tests.faults.scene import Stage
from tests.faults.searched import Searches, searches
from tests.faults.wire import Wire
from tests.sync.broker import sent

__all__ = ["sent"]


ON_STAGE = ("test_kills.py", "test_situations.py", "test_servers.py", "test_publishing_order.py")
# What the drills of all processes found, where tests run in several.
found: list[Any] = []
# In the process that reports this is read before any test is begun.
began = time.monotonic()


@pytest.fixture(autouse=True)
def reported(request: pytest.FixtureRequest) -> Iterator[None]:
    """What the test's drills found goes with its report, also where the test failed."""
    summary.DRILLS.clear()
    yield
    request.node.user_properties += [("drill", asdict(drill)) for drill in summary.DRILLS]


@pytest.fixture(autouse=True)
def searched(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Searches]:
    """A drill that forgets the search fails. One that has failed already need not have come so far."""
    failed = request.session.testsfailed
    with searches(monkeypatch) as searched:
        yield searched
    if request.session.testsfailed == failed:
        searched.require_none_waiting()


def pytest_report_header() -> str:
    return f"fault drills: SEED={summary.SEED}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The real processes first: they wait a lot, and so leave room for what comes beside and after them.

    One after the other, so that they find the service of the one before.
    """
    items.sort(key=lambda item: not item.nodeid.partition("::")[0].endswith(ON_STAGE))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "teardown":
        found.extend(drill for name, drill in report.user_properties if name == "drill")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if found:
        terminalreporter.section(f"fault drills, SEED={summary.SEED}")
        for line in summary.table(found):
            terminalreporter.write_line(line)
    if found and summary.IS_KEPT:
        failed = len(terminalreporter.getreports("failed") + terminalreporter.getreports("error"))
        seconds = time.monotonic() - began
        text = summary.page(found, failed, datetime.now(UTC).date(), summary.commit(), seconds)
        summary.PAGE.write_text(text, encoding="utf-8")


@pytest.fixture(scope="package")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("stage"))
    yield stage
    stage.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder for a whole service. Servers started as root want one that is not in a private folder."""
    summary.say(f"SEED={summary.SEED}")
    with throw_away(tmp_path / "service") as folder:
        yield folder


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    """Between our clients and stand-ins that run in this process."""
    wire, send = Wire(), HTTPAdapter.send

    def passing(adapter: HTTPAdapter, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        response = send(adapter, request, **options)
        if "/_sandbox/" in request.path_url:
            return response
        return wire.pass_on(f"{request.method} {request.path_url.partition('?')[0]}", response)

    monkeypatch.setattr(HTTPAdapter, "send", passing)
    return wire
