"""A certificate authority made on the fly, and leaves that are good or wrong in one way each."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from .hosts import DOMAIN

Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Leaf:
    """One certificate that a server shows."""

    dns_name: str = f"*.{DOMAIN}"
    valid_from_h: float = -24.0
    """Hours from now; negative is past."""
    valid_to_h: float = 60 * 24.0
    authority: str = "known"
    """`known` is the one that clients trust."""


LEAVES = {
    "good": Leaf(),
    "soon": Leaf(valid_to_h=3 * 24.0),
    "expired": Leaf(valid_from_h=-90 * 24.0, valid_to_h=-3.0),
    "wrong_host": Leaf(dns_name="elsewhere.example"),
    "unknown_ca": Leaf(authority="unknown"),
}


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def unsigned(
    subject: str,
    key: Key | rsa.RSAPrivateKey,
    issuer: str,
    span_h: tuple[float, float] = (-24.0, 60 * 24.0),
) -> x509.CertificateBuilder:
    """Begin a certificate; the span is in hours from now."""
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + dt.timedelta(hours=span_h[0]))
        .not_valid_after(now + dt.timedelta(hours=span_h[1]))
    )


def pem(*things: x509.Certificate | Key) -> bytes:
    """Return certificates and keys one after the other."""
    encoding = serialization.Encoding.PEM
    return b"".join(
        thing.public_bytes(encoding)
        if isinstance(thing, x509.Certificate)
        else thing.private_bytes(
            encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        for thing in things
    )


def write_all(folder: Path) -> None:
    """Write `ca.pem`, the root that clients trust, its key, and `NAME.pem` for each leaf."""
    key = ec.generate_private_key(ec.SECP256R1())
    authorities = {}
    for authority in ("known", "unknown"):
        signer = ec.generate_private_key(ec.SECP256R1())
        subject = f"modpulse lab CA ({authority})"
        root = (
            unsigned(subject, signer, subject, (-24 * 365.0, 24 * 365.0))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(signer, hashes.SHA256())
        )
        authorities[authority] = (subject, signer, root)
    (folder / "ca.pem").write_bytes(pem(authorities["known"][2]))
    (folder / "ca-key.pem").write_bytes(pem(authorities["known"][1]))
    for name, leaf in LEAVES.items():
        issuer, signer, _ = authorities[leaf.authority]
        span_h = (leaf.valid_from_h, leaf.valid_to_h)
        names = x509.SubjectAlternativeName([x509.DNSName(leaf.dns_name)])
        certificate = (
            unsigned(leaf.dns_name, key, issuer, span_h)
            .add_extension(names, critical=False)
            .sign(signer, hashes.SHA256())
        )
        (folder / f"{name}.pem").write_bytes(pem(certificate, key))
