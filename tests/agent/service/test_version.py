"""Which release this is."""

from importlib import metadata

import pytest

from modpulse.agent.service.version import UNKNOWN, version


def test_without_an_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that was never installed has no version, which is no error."""

    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    installed = version()
    monkeypatch.setattr(metadata, "version", missing)
    version.cache_clear()
    without = version()
    version.cache_clear()

    version.cache_clear()
    without = version()
    version.cache_clear()

    assert installed != UNKNOWN
    assert without == UNKNOWN
