"""
Why a TLS handshake failed: certificates, alerts, what is no TLS.
"""

import struct

from ..events.events import GoError
from ..records.failures import FailureClass
from ..records.records import Certificate
from ..wire.tls_names import alert_name
from .cause import Cause, with_reason

_X509_REASONS: dict[int, tuple[FailureClass, str]] = {
    0: ("tls.untrusted", "showed a certificate whose issuer may not sign any"),
    1: ("tls.expired", "showed a certificate that has expired or is not yet valid"),
    2: ("tls.untrusted", "showed a certificate whose issuer may not sign for that name"),
    3: ("tls.untrusted", "showed a certificate with too many intermediates"),
    4: ("tls.untrusted", "showed a certificate that is not meant for servers (key usage)"),
    5: ("tls.untrusted", "showed certificates of which one's issuer is not the next one's subject"),
    6: ("tls.hostname", "showed a certificate without alternative names"),
    7: ("tls.untrusted", "showed a certificate whose issuer does not allow one of its names"),
    8: ("tls.untrusted", "showed a certificate with too many constraints to check"),
    9: ("tls.untrusted", "showed a certificate whose issuer does not allow it for servers"),
    10: ("tls.untrusted", "showed a certificate that no chain leads to"),
}
"""crypto/x509/verify.go: InvalidReason, in its order."""

_X509_EXPIRED = 1

UNKNOWN_AUTHORITY = "x509.UnknownAuthorityError"
"""It holds why an authority of the right name was not taken, where there was one."""

_INSECURE = {2: "MD5-RSA", 3: "SHA1-RSA", 7: "DSA-SHA1", 9: "ECDSA-SHA1"}
"""crypto/x509/x509.go: SignatureAlgorithm, those that can be refused as insecure."""


def tls_cause(error: GoError) -> Cause | None:
    leaf = error.types[-1]
    if UNKNOWN_AUTHORITY in error.types:
        words = f"showed a certificate of an unknown authority{_hint(error)}"
        return Cause("tls.untrusted", words)
    if leaf == "x509.CertificateInvalidError":
        invalid: tuple[FailureClass, str] = "tls.untrusted", "showed an invalid certificate"
        return Cause(*_X509_REASONS.get(_x509_reason(error), invalid))
    if leaf in ("tls.alert", "tls.AlertError"):
        if "local error" in error.operations:
            words = f"broke the rules of TLS: go ended it with {alert_words(error)}"
            return Cause("http.protocol" if not _in_handshake(error) else "tls.alert", words)
        return Cause("tls.alert", f"refused the TLS handshake: {alert_words(error)}")
    known: dict[str, tuple[FailureClass, str]] = {
        "x509.HostnameError": ("tls.hostname", "showed a certificate for another name"),
        "x509.UnhandledCriticalExtension": (
            "tls.untrusted", "showed a certificate with a critical extension that go does not know",
        ),
        "x509.ConstraintViolationError": (
            "tls.untrusted", "showed a certificate that its issuer's key does not allow",
        ),
        "x509.InsecureAlgorithmError": (
            "tls.untrusted", "showed a certificate signed by an insecure algorithm",
        ),
        "tls.RecordHeaderError": ("tls.not_tls", "answered the TLS handshake with something else"),
        "http.tlsHandshakeTimeoutError": ("tls.timeout", "did not finish the TLS handshake"),
    }  # fmt: skip
    if leaf in known:
        return Cause(*known[leaf])
    if error.text == "http: server gave HTTP response to HTTPS client":
        return Cause("tls.not_tls", "answered the TLS handshake in plain text")
    if error.text.startswith("tls: failed to parse certificate"):
        return Cause("tls.untrusted", "showed a certificate that cannot be parsed")
    if error.text.startswith("tls: "):
        return with_reason("tls.alert", "cannot agree on TLS with go", error)
    return None


def _in_handshake(error: GoError) -> bool:
    return "*tls.permanentError" in error.types


def alert_words(error: GoError) -> str:
    """Name the alert that an error ends with."""
    name = alert_name(error.leaf[0]).replace("_", " ").replace("mac", "MAC")
    return f"alert {name}"


def certificate_words(
    error: GoError, certificate: Certificate, host: str, now_s: int
) -> str | None:
    """Say what is wrong with a certificate, with a time or a name; None where neither tells."""
    leaf = error.types[-1]
    if leaf == "x509.HostnameError":
        if not certificate.dns_names:
            return f"certificate has no names for {host}, only a Common Name, which go ignores"
        return f"certificate is for {', '.join(certificate.dns_names[:3])}, not for {host}"
    if UNKNOWN_AUTHORITY in error.types:
        words = f"certificate of {host} is signed by an unknown authority: {certificate.issuer}"
        return words + _hint(error)
    if leaf != "x509.CertificateInvalidError" or _x509_reason(error) != _X509_EXPIRED:
        return None
    if now_s < certificate.not_before:
        span = _span(certificate.not_before - now_s)
        return f"certificate of {host} is valid only in {span}, by the clock of this machine"
    if now_s > certificate.not_after:
        return f"certificate of {host} expired {_span(now_s - certificate.not_after)} ago"
    return f"certificate of {host} is in its time, but one that signed it is not"


def _hint(error: GoError) -> str:
    """
    Say why go took no authority of the right name, for the certificate or for one above it.

    Source: crypto/x509, Certificate.CheckSignatureFrom; what it tells without a type of its own is
    a signature by another key.
    """
    reason = error.types[-1]
    if reason == UNKNOWN_AUTHORITY:
        return ""
    if reason == "x509.InsecureAlgorithmError":
        (number,) = struct.unpack_from("<q", error.leaf)
        name = f" ({_INSECURE[number]})" if number in _INSECURE else ""
        return f"; a signature by one that is known is too weak for go{name}: insecure algorithm"
    if reason == "x509.ConstraintViolationError":
        return "; who is known by that name may not sign certificates"
    if error.text.startswith("x509: cannot verify signature"):
        return "; a signature by one that is known is of an algorithm that go does not have"
    return "; who is known by that name has another key"


def _x509_reason(error: GoError) -> int:
    (reason,) = struct.unpack_from("<q", error.leaf, 8)
    return int(reason)


def _span(seconds: int) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{max(seconds, 0)} s"
