"""Which layout a release has."""

import pytest

from modpulse.agent.binary.elf import Arch
from modpulse.agent.binary.layouts import LAYOUTS, layout_index, minor_release
from modpulse.agent.binary.offsets import MINORS


@pytest.mark.parametrize(
    ("version", "minor"),
    [
        ("go1.19.8", 19),
        ("go1.26", 26),
        ("go1.27.3", 27),
        ("go1.22.5 (Red Hat 1.22.5-1.el9)", 22),
        ("go1.24.6 X:nocoverageredesign", 24),
        ("go1.25.1-corp", 25),
        ("go1.27rc1", None),
        ("go1.27beta1", None),
        ("devel go1.28-0123abcd Mon Nov 2 10:00:00 2026 +0000", None),
        ("go2.1", None),
        ("go1.", None),
        ("go1.26.8evil", None),
        ("", None),
    ],
)
def test_only_releases_have_a_minor_release(version: str, minor: int | None) -> None:
    """A vendor's suffix does not change a layout, a candidate or development build may."""
    assert minor == minor_release(version)


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_each_examined_release_has_its_layout(arch: Arch) -> None:
    """The index leads to the column of the release, on both architectures."""
    indexes = [layout_index(arch, f"go1.{minor}.1") for minor in MINORS]

    assert indexes == list(range(len(LAYOUTS)))
    assert (LAYOUTS[0].parent_goid, LAYOUTS[0].conn_config) == (None, 72)
    assert (LAYOUTS[-1].parent_goid, LAYOUTS[-1].conn_client_protocol) == (280, 376)


@pytest.mark.parametrize("version", ["go1.18.10", "go1.28.0", "go1.127", "devel"])
def test_a_release_that_was_not_examined_has_no_layout(version: str) -> None:
    """Nothing is guessed for a release that is not in the table."""
    assert layout_index("amd64", version) is None
