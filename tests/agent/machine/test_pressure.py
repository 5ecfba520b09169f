"""What the kernel killed."""

from pathlib import Path

import pytest

from modpulse.agent.machine import pressure
from modpulse.agent.machine.pressure import oom_kills


def test_this_kernel_tells() -> None:
    """Since boot, as /proc/vmstat has it."""
    counted = oom_kills()

    assert counted is not None
    assert counted >= 0


def test_a_kernel_that_does_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not told is not zero."""
    (tmp_path / "vmstat").write_text("nr_free_pages 1\n")
    monkeypatch.setattr(pressure, "_VMSTAT", tmp_path / "vmstat")
    without = oom_kills()
    monkeypatch.setattr(pressure, "_VMSTAT", tmp_path / "none")

    assert (without, oom_kills()) == (None, None)
