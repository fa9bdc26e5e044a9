import os
from datetime import date
from pathlib import Path

import pytest

from tests.load.measured import Measured, Sample, Syncing, megabytes_of, page_of, read_locust

HEAD = "Type,Name,Request Count,Failure Count,50%,95%,99%\n"


def measured(p99: float = 100, failures: int = 0, sizes: tuple[float, ...] = (100,) * 8) -> Measured:
    samples = [
        Sample(2.0 * n, Syncing(50, 700 + 20 * n, 6 * n, 3 + n // 4), {"web": size})
        for n, size in enumerate(sizes)
    ]
    return Measured(1000, failures, 10, 50, p99, samples)


def of(samples: list[Sample]) -> Measured:
    return Measured(9, 0, 1, 1, 1, samples)


def test_all_is_well() -> None:
    assert measured().complaints() == []
    assert "syncs under way        50, in 100% of the time; 0 failed" in measured().lines()
    fetched = "140 requests, 42 weeks, 1 syncs finished; at least 130 in any 10 seconds"
    assert f"fetched meanwhile      {fetched}" in measured().lines()


@pytest.mark.parametrize(
    ("found", "complaint"),
    [
        (measured(p99=500), "p99 is 500 ms"),
        (measured(failures=1), "1 of 1000 requests failed"),
        (measured(sizes=(50, 80, 100, 100, 110, 120, 130, 140)), "memory of web grew"),
        (Measured(0, 0, 0, 0, 0), "nobody looked"),
        (
            of([Sample(n, Syncing(int(n < 8), 9 * n), {}) for n in range(10)]),
            "under way in 80% of the time only",
        ),
        # A worker that hangs, from the beginning or from some moment on.
        (of([Sample(n, Syncing(50, 700), {}) for n in range(40)]), "syncs stood still: 0 requests"),
        (of([Sample(n, Syncing(50, min(9 * n, 200)), {}) for n in range(40)]), "syncs stood still: 0 req"),
        (of([Sample(n, Syncing(50, 700), {}) for n in range(8)]), "syncs stood still: 0 requests"),
        (Measured(1, 0, 1, 1, 1, failed_runs=["internal_error: x"]), "1 runs failed"),
    ],
)
def test_what_is_not_good_enough_is_said(found: Measured, complaint: str) -> None:
    assert any(complaint in text for text in found.complaints())


def test_after_the_last_sync_nothing_has_to_be_fetched() -> None:
    samples = [Sample(n, Syncing(int(n < 37), min(9 * n, 333)), {}) for n in range(40)]
    assert of(samples).complaints() == []


def test_only_weeks_arriving_is_no_standstill() -> None:
    assert of([Sample(n, Syncing(50, 700, 2 * n), {}) for n in range(40)]).complaints() == []


def test_the_table_can_be_kept_as_a_page() -> None:
    page = page_of(measured(p99=400), "python -m tests.load --write", date(2026, 11, 28))
    assert "Written by `python -m tests.load --write` on 2026-11-28" in page
    assert "| median, p95, p99 | 10, 50, 400 ms |" in page
    assert "| memory of web | 100 MB, 1.00 times as much at the end |" in page
    assert "| verdict | all bars are met |" in page


def test_warming_up_is_no_growth() -> None:
    assert measured(sizes=(10, 90, 100, 100, 100, 100, 100, 100)).complaints() == []


def test_the_line_of_all_requests_is_read(tmp_path: Path) -> None:
    table = tmp_path / "load_stats.csv"
    table.write_text(HEAD + "GET,dashboard,9,0,1,2,3\n,Aggregated,10,1,20,200,400\n")
    found = read_locust(table)
    assert (found.requests, found.failures, found.p99_ms) == (10, 1, 400)


def test_a_table_without_it_is_an_error(tmp_path: Path) -> None:
    table = tmp_path / "load_stats.csv"
    table.write_text(HEAD)
    with pytest.raises(ValueError, match="no line of all requests"):
        read_locust(table)


def test_memory_is_that_of_living_processes() -> None:
    assert megabytes_of([os.getpid(), 4_000_000]) > 10
