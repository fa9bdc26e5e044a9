"""Drills: what fails is brought about on purpose, and in the end nothing can be told of it."""

import pytest

for name in ("killing", "publishing", "situations", "stack"):
    pytest.register_assert_rewrite(f"tests.faults.{name}")
