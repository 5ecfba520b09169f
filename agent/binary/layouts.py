"""
Where fields lie inside Go structs, per release of the `go` command.

The numbers are recomputed from the sources of every supported release by
tests/agent/binary/test_layouts.py. A release that is not in the table has no layout: the probes
in `go` are not attached there, and `modpulse check` says so.
"""

import re
from dataclasses import dataclass

from .elf import Arch


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Byte offsets of fields for one minor release; the same on amd64 and arm64."""

    goid: int
    """u64."""
    parent_goid: int | None
    """u64; None where the release has none (before 1.21)."""
    conn_config: int
    """Pointer to a tls.Config."""
    conn_vers: int
    """u16: 0x0303 is TLS 1.2."""
    conn_cipher_suite: int
    """u16, IANA number."""
    conn_did_resume: int
    """bool."""
    conn_server_name: int
    """string."""
    conn_client_protocol: int
    """string: what ALPN chose."""
    dialer_address: int
    """string: `host:port` as asked for."""
    dns_error_err: int
    """string."""
    dns_error_is_timeout: int
    """bool."""
    dns_error_is_temporary: int
    """bool."""
    dns_error_is_not_found: int
    """bool."""
    module_types: int
    """Address that the offsets of types and of their names count from."""
    module_itablinks: int | None
    """Slice of pointers to the static itabs; None where they are packed (1.27)."""
    module_itaboffset: int | None
    """u64, where the packed itabs begin, counted from types; their size in bytes follows."""


MINORS = (19, 20, 21, 22, 23, 24, 25, 26, 27)
"""The releases that were examined, in the order of the columns below."""

OFFSETS: dict[str, tuple[str, tuple[int | None, ...]]] = {
    # field: (package:Type.field in the sources, one column per release of MINORS)
    "goid": ("runtime:g.goid", (152, 152, 152, 152, 160, 160, 152, 152, 152)),
    "parent_goid": ("runtime:g.parentGoid", (None, None, 272, 272, 280, 280, 272, 280, 280)),
    "conn_config": ("crypto/tls:Conn.config", (72, 72, 80, 80, 80, 80, 80, 80, 80)),
    "conn_vers": ("crypto/tls:Conn.vers", (64, 64, 72, 72, 72, 72, 72, 72, 72)),
    "conn_cipher_suite": ("crypto/tls:Conn.cipherSuite", (90, 90, 98, 98, 100, 100, 100, 100, 100)),
    "conn_did_resume": ("crypto/tls:Conn.didResume", (88, 88, 97, 97, 97, 97, 97, 97, 97)),
    "conn_server_name": (
        "crypto/tls:Conn.serverName", (192, 216, 224, 224, 224, 224, 208, 208, 232),
    ),
    "conn_client_protocol": (
        "crypto/tls:Conn.clientProtocol", (328, 352, 360, 360, 368, 368, 352, 352, 376),
    ),
    "dialer_address": ("net:sysDialer.address", (112, 120, 128, 128, 160, 160, 160, 160, 160)),
    "dns_error_err": ("net:DNSError.Err", (0, 0, 0, 0, 16, 16, 16, 16, 16)),
    "dns_error_is_timeout": ("net:DNSError.IsTimeout", (48, 48, 48, 48, 64, 64, 64, 64, 64)),
    "dns_error_is_temporary": ("net:DNSError.IsTemporary", (49, 49, 49, 49, 65, 65, 65, 65, 65)),
    "dns_error_is_not_found": ("net:DNSError.IsNotFound", (50, 50, 50, 50, 66, 66, 66, 66, 66)),
    "module_types": ("runtime:moduledata.types", (280, 296, 296, 296, 296, 296, 296, 296, 296)),
    "module_itablinks": (
        "runtime:moduledata.itablinks", (360, 376, 376, 376, 376, 376, 376, 384, None),
    ),
    "module_itaboffset": (
        "runtime:moduledata.itaboffset", (None, None, None, None, None, None, None, None, 320),
    ),
}  # fmt: skip

FIXED: dict[str, int] = {
    "crypto/tls:Conn.conn": 0,
    "crypto/tls:Config.ServerName": 128,
    "crypto/x509:Certificate.Raw": 0,
    "net:TCPAddr.IP": 0,
    "net:TCPAddr.Port": 24,
    "net:netFD.pfd": 0,
    "net:netFD.laddr": 96,
    "net:netFD.raddr": 112,
    "internal/poll:FD.Sysfd": 16,
    "net:OpError.Err": 64,
    "net/http:Request.Method": 0,
    "net/http:Request.URL": 16,
    "net/http:Request.Host": 128,
    "net/http:Response.StatusCode": 16,
    "net/http:Response.ProtoMajor": 40,
    "net/http:Response.ProtoMinor": 48,
    "net/http:Response.Header": 56,
    "net/http:Response.ContentLength": 80,
    "net/http:Response.Request": 128,
    "net/http:Response.TLS": 136,
    "net/http:persistConn.alt": 0,
    "net/http:persistConn.conn": 80,
    "net/http:persistConn.tlsState": 96,
    "net/http:transportRequest.Request": 0,
    "net/url:URL.Scheme": 0,
    "net/url:URL.User": 32,
    "net/url:URL.Host": 40,
    "net/url:URL.Path": 56,
    "net/url:Error.Err": 32,
    "cmd/go/internal/web:HTTPError.StatusCode": 32,
    "cmd/go/internal/web:HTTPError.Err": 40,
    "cmd/go/internal/web:Response.StatusCode": 32,
    "cmd/go/internal/modfetch:proxyRepo.url": 0,
    "cmd/go/internal/modfetch:proxyRepo.path": 8,
    "cmd/go/internal/modfetch:proxySpec.url": 0,
    "cmd/go/internal/modfetch:proxySpec.fallBackOnError": 16,
    "runtime:moduledata.pcHeader": 0,
    "runtime:moduledata.minpc": 160,
    "runtime:moduledata.maxpc": 168,
    "runtime:moduledata.text": 176,
}
"""Offsets that no release changed, under the same test; the programs in the kernel have them."""

WRAPPED: dict[str, tuple[str, int]] = {
    "*url.Error": ("net/url:Error.Err", 32),
    "*net.OpError": ("net:OpError.Err", 64),
    "*os.SyscallError": ("os:SyscallError.Err", 16),
    "*fmt.wrapError": ("fmt:wrapError.err", 16),
    "*fs.PathError": ("io/fs:PathError.Err", 32),
    "*tls.CertificateVerificationError": ("crypto/tls:CertificateVerificationError.Err", 24),
    "*tls.permanentError": ("crypto/tls:permanentError.err", 0),
    "*module.ModuleError": ("cmd/vendor/golang.org/x/mod/module:ModuleError.Err", 32),
    "*module.InvalidVersionError": (
        "cmd/vendor/golang.org/x/mod/module:InvalidVersionError.Err",
        24,
    ),
    "http.transportReadFromServerError": ("net/http:transportReadFromServerError.err", 0),
    "http.nothingWrittenError": ("net/http:nothingWrittenError.error", 0),
    "*web.HTTPError": ("cmd/go/internal/web:HTTPError.Err", 40),
}
"""Error types that hold another error: its field in the sources, and the field's offset."""

LAYOUTS: tuple[Layout, ...] = tuple(
    Layout(**{name: row[column] for name, (_, row) in OFFSETS.items()})  # type: ignore[arg-type]
    for column in range(len(MINORS))
)
"""A layout's index in this tuple is its key in the kernel's array of layouts."""

_INDEX: dict[tuple[Arch, int], int] = {
    (arch, minor): index for arch in ("amd64", "arm64") for index, minor in enumerate(MINORS)
}

# A release candidate or a development build may differ from the release in any field.
_RELEASE = re.compile(r"go1\.(\d{1,3})(?:\.\d{1,4})?(?=$|[ +-])")


def minor_release(version: str) -> int | None:
    """Return N of `go1.N.P`, also with a vendor's suffix; None for a development build."""
    found = _RELEASE.match(version)
    return int(found[1]) if found else None


def layout_index(arch: Arch, version: str) -> int | None:
    """Return the index in LAYOUTS for a binary; None for a release that was not examined."""
    minor = minor_release(version)
    return None if minor is None else _INDEX.get((arch, minor))
