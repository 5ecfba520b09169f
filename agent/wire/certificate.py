"""
The leaf certificate as a record: the only importer of cryptography.

Knows nothing of trust: what is read here is what the server showed, not what is valid.
"""

import hashlib
import warnings
from datetime import UTC, datetime

from cryptography import x509

from ..records.records import Certificate
from .reader import WireError

MAX_DER_BYTES = 65536
"""Certificates in use have 1 to 4 kB."""

MAX_NAMES = 128
"""Names kept of one certificate; public CAs sign 100 at most."""

MAX_NAME_CHARS = 256
"""Kept of a subject or issuer; a DNS name has 253 at most."""

_DAMAGES = (ValueError, TypeError, LookupError, OverflowError)
"""What cryptography raises for DER that it cannot read; KeyError for unknown string types."""

_NO_NAMES = (x509.DuplicateExtension, x509.ExtensionNotFound, x509.UnsupportedGeneralNameType)


def parse_certificate(der: bytes) -> Certificate:
    """
    Read one X.509 certificate.

    Returns:
        `dns_names` holds the addresses, too, that the certificate is for.

    Raises:
        WireError: no certificate, or one too large.

    Source: RFC 5280 section 4.1.
    """
    if len(der) > MAX_DER_BYTES:
        raise WireError(f"certificate of {len(der)} bytes")
    try:
        with warnings.catch_warnings():
            # Deviations that cryptography only tolerates, such as a serial number of 0.
            warnings.simplefilter("ignore")
            certificate = x509.load_der_x509_certificate(der)
            return Certificate(
                subject=certificate.subject.rfc4514_string()[:MAX_NAME_CHARS],
                issuer=certificate.issuer.rfc4514_string()[:MAX_NAME_CHARS],
                dns_names=_names(certificate),
                not_before=_seconds(certificate, "not_valid_before"),
                not_after=_seconds(certificate, "not_valid_after"),
                sha256=hashlib.sha256(der).hexdigest(),
            )
    except (*_DAMAGES, x509.InvalidVersion) as error:
        raise WireError(f"no certificate: {error}") from error


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Read the alternative names; a damaged extension is as none, the rest still counts."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = extension.value.get_values_for_type(x509.DNSName)
        addresses = extension.value.get_values_for_type(x509.IPAddress)
    except (*_DAMAGES, *_NO_NAMES):
        return ()
    return tuple(map(str, [*names, *addresses][:MAX_NAMES]))


def _seconds(certificate: x509.Certificate, name: str) -> int:
    """Read one end of the validity; the names without `_utc` are gone in later releases."""
    moment: datetime = getattr(certificate, f"{name}_utc", None) or getattr(certificate, name)
    return int(moment.replace(tzinfo=UTC).timestamp())
