"""Which types of a Go binary are errors."""

from collections.abc import Callable
from pathlib import Path

import pytest

from modpulse.agent.elf import BinaryError, parse_elf
from modpulse.agent.gobinary import read_build_info
from modpulse.agent.gotypes import ErrorTypes, read_error_types
from modpulse.agent.layouts import LAYOUTS, MINORS, layout_index
from modpulse.agent.pclntab import find_pclntab
from modpulse.agent.probes import WRAPPED

LEAVES = {
    "syscall.Errno",
    "*net.DNSError",
    "x509.CertificateInvalidError",
    "x509.UnknownAuthorityError",
    "x509.HostnameError",
    "tls.alert",
    "http.tlsHandshakeTimeoutError",
    "*json.SyntaxError",
    "*errors.errorString",
    "context.deadlineExceededError",
}


def error_types(image: bytes, **changes: int) -> ErrorTypes:
    """The error types of a binary; words of moduledata may be changed first."""
    elf = parse_elf(image)
    module = find_pclntab(elf).module
    index = layout_index(elf.arch, read_build_info(elf).version)
    assert module is not None
    assert index is not None
    for field, value in changes.items():
        at = elf.offset(module + int(field.removeprefix("at_")))
        image = image[:at] + value.to_bytes(8, "little") + image[at + 8 :]
    return read_error_types(parse_elf(image), module, LAYOUTS[index])


@pytest.mark.releases
@pytest.mark.parametrize("minor", MINORS)
def test_every_release_names_the_errors_that_matter(
    release: Callable[[int], Path], minor: int
) -> None:
    """The types that classify a failure are found once each, stripped or not."""
    wanted = LEAVES | set(WRAPPED)
    wanted |= {"http2.StreamError" if minor >= 27 else "http.http2StreamError"}
    if minor == 19:
        wanted -= {"*tls.CertificateVerificationError"}  # since 1.20

    names = list(error_types(release(minor).read_bytes()).names.values())

    assert 140 < len(names) < 200
    assert dict.fromkeys(wanted, 1) == {name: names.count(name) for name in wanted}


def test_every_static_table_leads_to_a_named_type(go_image: bytes) -> None:
    """Tables and names speak of the same types."""
    found = error_types(go_image)

    assert set(found.names) == set(found.tables.values())


@pytest.mark.parametrize(
    ("field", "value"), [("at_296", 0), ("at_296", 1 << 63), ("at_384", 8), ("at_392", 1 << 40)]
)
def test_broken_moduledata_is_refused(go_image: bytes, field: str, value: int) -> None:
    """Addresses are followed inside the file only, and tables are counted."""
    with pytest.raises(BinaryError):
        error_types(go_image, **{field: value})
