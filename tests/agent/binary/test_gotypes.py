"""The types of a Go binary."""

from collections.abc import Callable
from pathlib import Path

import pytest

from modpulse.agent.binary.elf import BinaryError, parse_elf
from modpulse.agent.binary.gobinary import read_build_info
from modpulse.agent.binary.gotypes import read_fields, read_implementations
from modpulse.agent.binary.layouts import LAYOUTS, layout_index
from modpulse.agent.binary.offsets import MINORS, WRAPPED
from modpulse.agent.binary.pclntab import find_pclntab

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


def types_of(image: bytes, **changes: int) -> dict[str, dict[int, str]]:
    """The types of a binary; words of moduledata may be changed first."""
    elf = parse_elf(image)
    module = find_pclntab(elf).module
    index = layout_index(elf.arch, read_build_info(elf).version)
    assert index is not None
    for field, value in changes.items():
        at = elf.offset(module + int(field.removeprefix("at_")))
        image = image[:at] + value.to_bytes(8, "little") + image[at + 8 :]
    return read_implementations(parse_elf(image), module, LAYOUTS[index], ("error", "net.Conn"))


@pytest.mark.releases
@pytest.mark.parametrize("minor", MINORS)
def test_every_release_names_the_types_that_matter(
    release: Callable[[int], Path], minor: int
) -> None:
    """The errors that classify a failure are found once each, stripped or not."""
    wanted = LEAVES | set(WRAPPED)
    wanted |= {"http2.StreamError" if minor >= 27 else "http.http2StreamError"}
    if minor == 19:
        wanted -= {"*tls.CertificateVerificationError"}  # since 1.20

    types = types_of(release(minor).read_bytes())

    names = list(types["error"].values())
    assert 140 < len(names) < 200
    assert dict.fromkeys(wanted, 1) == {name: names.count(name) for name in wanted}
    assert "*tls.Conn" in types["net.Conn"].values()


def test_fields_of_a_struct_are_read_through_its_pointer(go_image: bytes) -> None:
    """The binary itself says where the fields of its types are."""
    elf = parse_elf(go_image)
    addresses = {name: address for address, name in types_of(go_image)["error"].items()}

    assert read_fields(elf, addresses["*url.Error"]) == {"Op": 0, "URL": 16, "Err": 32}
    assert read_fields(elf, addresses["http.transportReadFromServerError"]) == {"err": 0}
    with pytest.raises(BinaryError, match="a type that is not a struct"):
        read_fields(elf, addresses["syscall.Errno"])


@pytest.mark.parametrize(
    ("field", "value"), [("at_296", 0), ("at_296", 1 << 63), ("at_384", 8), ("at_392", 1 << 40)]
)
def test_broken_moduledata_is_refused(go_image: bytes, field: str, value: int) -> None:
    """Addresses are followed inside the file only, and tables are counted."""
    with pytest.raises(BinaryError):
        types_of(go_image, **{field: value})
