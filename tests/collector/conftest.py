"""A real collector process for the tests of the shell."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from collectors import Collector


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    """A collector with the defaults, on loopback; not started yet."""
    made = Collector(tmp_path)
    yield made
    made.end()
