"""What syncing costs is held against what it may cost."""

import dataclasses

import pytest

from tests.benchmarks.costs import Cost, measure


@pytest.mark.django_db(transaction=True)
def test_a_light_account_costs_no_more_than_it_may() -> None:
    assert measure("light").excess == []


def test_what_is_spent_beyond_is_said_part_by_part() -> None:
    cost = Cost("typical", 8000, 465, 20, (126, 230), 2, (1, 1), (3, 5), 100)
    assert cost.excess == []
    dear = dataclasses.replace(cost, first=(127, 230), idle=(2, 2))
    assert dear.excess == [
        "typical: 125 requests for the first backfill, at most 124",
        "typical: 2 requests for the idle day, at most 1",
    ]
