"""
Where fields lie inside Go structs: the one place that has these numbers.

Plain tables, for what is compiled with them starts before all else is imported. All of them are
recomputed from the sources of every supported release by tests/agent/binary/test_offsets.py.
"""

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
    "conn_client_protocol": (
        "crypto/tls:Conn.clientProtocol", (328, 352, 360, 360, 368, 368, 352, 352, 376),
    ),
    "dialer_address": ("net:sysDialer.address", (112, 120, 128, 128, 160, 160, 160, 160, 160)),
    "dns_error_is_timeout": ("net:DNSError.IsTimeout", (48, 48, 48, 48, 64, 64, 64, 64, 64)),
    "dns_error_is_not_found": ("net:DNSError.IsNotFound", (50, 50, 50, 50, 66, 66, 66, 66, 66)),
    "module_types": ("runtime:moduledata.types", (280, 296, 296, 296, 296, 296, 296, 296, 296)),
    "module_itablinks": (
        "runtime:moduledata.itablinks", (360, 376, 376, 376, 376, 376, 376, 384, None),
    ),
    "module_itaboffset": (
        "runtime:moduledata.itaboffset", (None, None, None, None, None, None, None, None, 320),
    ),
}  # fmt: skip

FIXED: dict[str, tuple[str, int]] = {
    "TLS_CONN": ("crypto/tls:Conn.conn", 0),
    "TLS_SERVER_NAME": ("crypto/tls:Config.ServerName", 128),
    "TCP_ADDR_IP": ("net:TCPAddr.IP", 0),
    "TCP_ADDR_PORT": ("net:TCPAddr.Port", 24),
    "NET_FD_LADDR": ("net:netFD.laddr", 96),
    "NET_FD_RADDR": ("net:netFD.raddr", 112),
    "REQUEST_URL": ("net/http:Request.URL", 16),
    "RESPONSE_STATUS": ("net/http:Response.StatusCode", 16),
    "RESPONSE_MAJOR": ("net/http:Response.ProtoMajor", 40),
    "RESPONSE_MINOR": ("net/http:Response.ProtoMinor", 48),
    "RESPONSE_LENGTH": ("net/http:Response.ContentLength", 80),
    "RESPONSE_TLS": ("net/http:Response.TLS", 136),
    "PERSIST_CONN": ("net/http:persistConn.conn", 80),
    "PERSIST_TLS": ("net/http:persistConn.tlsState", 96),
    "URL_SCHEME": ("net/url:URL.Scheme", 0),
    "URL_HOST": ("net/url:URL.Host", 40),
    "URL_PATH": ("net/url:URL.Path", 56),
    "PROXY_REPO_URL": ("cmd/go/internal/modfetch:proxyRepo.url", 0),
    "PROXY_SPEC_URL": ("cmd/go/internal/modfetch:proxySpec.url", 0),
    "PROXY_SPEC_FALLBACK": ("cmd/go/internal/modfetch:proxySpec.fallBackOnError", 16),
    "MODULE_ERROR_PATH": ("cmd/vendor/golang.org/x/mod/module:ModuleError.Path", 0),
    "MODULE_ERROR_VERSION": ("cmd/vendor/golang.org/x/mod/module:ModuleError.Version", 16),
    "ZIP_ERROR_ERR": ("cmd/vendor/golang.org/x/mod/zip:zipError.err", 32),
    "MODULE_MINPC": ("runtime:moduledata.minpc", 160),
    "MODULE_MAXPC": ("runtime:moduledata.maxpc", 168),
    "MODULE_TEXT": ("runtime:moduledata.text", 176),
}
"""Offsets that no release changed, under the same test. The programs in the kernel are compiled
with each as a constant of this name; those of moduledata are for the readers of binaries."""

WRAPPED: dict[str, tuple[str, int]] = {
    "*url.Error": ("net/url:Error.Err", 32),
    "*net.OpError": ("net:OpError.Err", 64),
    "*os.SyscallError": ("os:SyscallError.Err", 16),
    "*os.LinkError": ("os:LinkError.Err", 48),
    "*exec.Error": ("os/exec:Error.Err", 16),
    "*fmt.wrapError": ("fmt:wrapError.err", 16),
    "*fs.PathError": ("io/fs:PathError.Err", 32),
    "*tls.CertificateVerificationError": ("crypto/tls:CertificateVerificationError.Err", 24),
    "*tls.permanentError": ("crypto/tls:permanentError.err", 0),
    "x509.SystemRootsError": ("crypto/x509:SystemRootsError.Err", 0),
    "x509.UnknownAuthorityError": ("crypto/x509:UnknownAuthorityError.hintErr", 8),
    "*module.ModuleError": ("cmd/vendor/golang.org/x/mod/module:ModuleError.Err", 32),
    "*module.InvalidVersionError": (
        "cmd/vendor/golang.org/x/mod/module:InvalidVersionError.Err",
        24,
    ),
    "*mvs.BuildListError": ("cmd/go/internal/mvs:BuildListError.Err", 0),
    "*load.PackageError": ("cmd/go/internal/load:PackageError.Err", 40),
    "*modload.ImportMissingError": ("cmd/go/internal/modload:ImportMissingError.QueryErr", 48),
    "*vcs.importError": ("cmd/go/internal/vcs:importError.err", 16),
    "*modfetch.DownloadDirPartialError": (
        "cmd/go/internal/modfetch:DownloadDirPartialError.Err",
        16,
    ),
    "modfetch.notExistError": ("cmd/go/internal/modfetch:notExistError.err", 0),
    "http.transportReadFromServerError": ("net/http:transportReadFromServerError.err", 0),
    "http.nothingWrittenError": ("net/http:nothingWrittenError.error", 0),
    "*web.HTTPError": ("cmd/go/internal/web:HTTPError.Err", 40),
}
"""Error types that hold another error: its field in the sources, and the field's offset."""

OPERATIONS = {"*net.OpError": ("net:OpError.Op", 0)}
"""Error types that say with a string which operation failed."""
ABOUT_MODULES = frozenset({"*module.ModuleError"})
"""Error types that name a module and its version, see FIXED."""

_GO_AWAY = (8,) * 8
TEXTS: dict[str, tuple[str, tuple[int | None, ...]]] = {
    # type: (package:Type.field in the sources, one column per release of MINORS)
    "*net.DNSError": ("net:DNSError.Err", (0, 0, 0, 0, 16, 16, 16, 16, 16)),
    "*time.ParseError": ("time:ParseError.Value", (16,) * 9),
    "x509.HostnameError": ("crypto/x509:HostnameError.Host", (8,) * 9),
    "x509.CertificateInvalidError": ("crypto/x509:CertificateInvalidError.Detail", (16,) * 9),
    "http.http2GoAwayError": ("net/http:http2GoAwayError.DebugData", (*_GO_AWAY, None)),
    "http2.GoAwayError": (
        "net/http/internal/http2:GoAwayError.DebugData", (*(None,) * 8, 8),
    ),
}  # fmt: skip
"""Error types whose first field is not the text that tells what was wrong: the field that is."""
