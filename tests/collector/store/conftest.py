"""A database in a folder of its own, and one on a disk that is soon full."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from failing_disk import small
from sightings import arrival, sighting
from stored import append

from modpulse.collector.store.database import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database goes."""
    return tmp_path / "state" / "c.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """An open store that has taken a batch."""
    with closing(Store.open(path)) as opened:
        append(opened, [arrival(sighting(ok=1))])
        yield opened


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    with small(tmp_path / "small") as mount:
        yield mount
