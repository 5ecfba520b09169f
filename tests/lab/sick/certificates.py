"""Certificates that are wrong in one way each: what is wrong follows from the name."""

import base64
import ipaddress
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..ca import Key, unsigned
from ..ca import pem as make_pem
from ..hosts import DOMAIN
from . import places

_SHA256 = hashes.SHA256()
Issuer = tuple[str, Key]
DAY_H = 24.0
YEAR_H = 365 * DAY_H


def _sans(builder: x509.CertificateBuilder, *names: str) -> x509.CertificateBuilder:
    return builder.add_extension(
        x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
    )


def _authority(
    builder: x509.CertificateBuilder, ca: bool = True, length: int | None = None
) -> x509.CertificateBuilder:
    return builder.add_extension(x509.BasicConstraints(ca, length), critical=True)


class Maker:
    """Makes the chain of one name; `root` is the authority that clients trust."""

    def __init__(self, root: Issuer) -> None:
        self.root = root

    def leaf(
        self,
        host: str,
        issuer: Issuer | None = None,
        span_h: tuple[float, float] = (-DAY_H, 60 * DAY_H),
        change: Callable[[x509.CertificateBuilder], x509.CertificateBuilder] = lambda b: b,
        names: tuple[str, ...] | None = None,
        subject: str = "",
    ) -> tuple[Key, x509.Certificate]:
        """A leaf for `host`, changed in one way."""
        name, signer = issuer or self.root
        key = ec.generate_private_key(ec.SECP256R1())
        builder = unsigned(subject or host, key, name, span_h)
        if names != ():
            builder = _sans(builder, *(names or (host,)))
        return key, change(builder).sign(signer, hashes.SHA256())

    def between(
        self,
        name: str,
        issuer: Issuer | None = None,
        span_h: tuple[float, float] = (-DAY_H, 60 * DAY_H),
        ca: bool = True,
        length: int | None = None,
        constraints: x509.NameConstraints | None = None,
        digest: hashes.HashAlgorithm = _SHA256,
    ) -> tuple[Issuer, x509.Certificate]:
        """An intermediate authority."""
        above, signer = issuer or self.root
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _authority(unsigned(name, key, above, span_h), ca, length if ca else None)
        if constraints is not None:
            builder = builder.add_extension(constraints, critical=True)
        return (name, key), builder.sign(signer, digest)


def _usage(*usages: x509.ObjectIdentifier) -> Callable[..., x509.CertificateBuilder]:
    return lambda b: b.add_extension(x509.ExtendedKeyUsage(usages), critical=False)


def _critical(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
    return builder.add_extension(unknown, critical=True)


def _address(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    other = x509.IPAddress(ipaddress.ip_address("192.0.2.7"))
    return builder.add_extension(x509.SubjectAlternativeName([other]), critical=False)


def _excluded(*names: str) -> x509.NameConstraints:
    return x509.NameConstraints(None, [x509.DNSName(name) for name in names])


def _permitted(*names: str) -> x509.NameConstraints:
    return x509.NameConstraints([x509.DNSName(name) for name in names], None)


def _negative_serial(make: Maker, host: str) -> bytes:
    """A leaf that cannot be parsed: its serial number is negative."""
    key, leaf = make.leaf(host)
    serial = leaf.serial_number.to_bytes((leaf.serial_number.bit_length() + 7) // 8, "big")
    der = leaf.public_bytes(serialization.Encoding.DER)
    wrong = bytes([serial[0] | 0x80]) + serial[1:]
    body = base64.encodebytes(der.replace(serial, wrong, 1))
    pem = b"-----BEGIN CERTIFICATE-----\n" + body + b"-----END CERTIFICATE-----\n"
    return pem + make_pem(key)


def chains(root: Issuer) -> dict[str, bytes]:
    """PEM of leaf, key and what is sent beside the leaf, by first label below `crt.lab.test`."""
    make = Maker(root)
    stranger: Issuer = ("lab CA (stranger)", ec.generate_private_key(ec.SECP256R1()))
    found: dict[str, bytes] = {}

    def put(name: str, made: tuple[Key, x509.Certificate], *beside: x509.Certificate) -> None:
        key, leaf = made
        found[name] = make_pem(leaf, *beside, key)

    def host(name: str) -> str:
        return f"{name}.crt.{DOMAIN}"

    spans = {
        "good": (-DAY_H, 60 * DAY_H),
        "expired-1h": (-90 * DAY_H, -1.0),
        "expired-25y": (-26 * YEAR_H, -25 * YEAR_H),
        "not-yet-1h": (1.0, 90 * DAY_H),
        "not-yet-10y": (10 * YEAR_H, 11 * YEAR_H),
    }
    for name, span_h in spans.items():
        put(name, make.leaf(host(name), span_h=span_h))
    for name in ("client-certificate",):
        put(name, make.leaf(host(name)))
    put("stranger", make.leaf(host("stranger"), stranger))
    put("other-name", make.leaf(host("other-name"), names=("elsewhere.example",)))
    many = tuple(f"name{number}.example" for number in range(30))
    put("many-names", make.leaf(host("many-names"), names=many))
    large = tuple(f"name{number}.example" for number in range(200))  # more than a packet holds
    put("narrow-from", make.leaf(host("narrow-from"), names=large))
    put("legacy-name", make.leaf(host("legacy-name"), names=()))
    put("no-names", make.leaf(host("no-names"), names=(), subject="no host at all"))
    put("address-only", make.leaf(host("address-only"), names=(), change=_address))
    put("wildcard-depth", make.leaf(host("wildcard-depth"), names=(f"*.{DOMAIN}",)))
    usages = {
        "client-usage": ExtendedKeyUsageOID.CLIENT_AUTH,
        "code-usage": ExtendedKeyUsageOID.CODE_SIGNING,
        "mail-usage": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    }
    for name, usage in usages.items():
        put(name, make.leaf(host(name), change=_usage(usage)))
    put("critical", make.leaf(host("critical"), change=_critical))

    own = ec.generate_private_key(ec.SECP256R1())
    selfmade = _sans(unsigned(host("self-signed"), own, host("self-signed")), host("self-signed"))
    put("self-signed", (own, selfmade.sign(own, hashes.SHA256())))

    key = ec.generate_private_key(ec.SECP256R1())
    old = _sans(unsigned(host("sha1"), key, root[0]), host("sha1"))
    put("sha1", (key, old.sign(root[1], hashes.SHA1())))
    middle, certificate = make.between("lab weak intermediate", digest=hashes.SHA1())
    put("sha1-intermediate", make.leaf(host("sha1-intermediate"), middle), certificate)
    rsa_key = rsa.generate_private_key(65537, 2048)
    upper = _authority(unsigned("lab RSA", rsa_key, root[0])).sign(root[1], hashes.SHA256())
    key = ec.generate_private_key(ec.SECP256R1())
    old = _sans(unsigned(host("sha1-rsa"), key, "lab RSA"), host("sha1-rsa"))
    put("sha1-rsa", (key, old.sign(rsa_key, hashes.SHA1())), upper)
    found["negative-serial"] = _negative_serial(make, host("negative-serial"))

    middle, certificate = make.between("lab intermediate")
    put("no-intermediate", make.leaf(host("no-intermediate"), middle))
    put("with-intermediate", make.leaf(host("with-intermediate"), middle), certificate)
    middle, certificate = make.between("lab expired intermediate", span_h=(-90 * DAY_H, -DAY_H))
    put("expired-intermediate", make.leaf(host("expired-intermediate"), middle), certificate)
    middle, certificate = make.between("lab no authority", ca=False)
    put("no-authority", make.leaf(host("no-authority"), middle), certificate)
    middle, upper = make.between("lab short authority", length=0)
    lower, certificate = make.between("lab too deep", middle)
    put("too-deep", make.leaf(host("too-deep"), lower), certificate, upper)
    middle, certificate = make.between("lab elsewhere", constraints=_permitted("elsewhere.example"))
    put("constraint", make.leaf(host("constraint"), middle), certificate)
    middle, certificate = make.between("lab without lab", constraints=_excluded(DOMAIN))
    put("excluded", make.leaf(host("excluded"), middle), certificate)
    namesake: Issuer = (root[0], ec.generate_private_key(ec.SECP256R1()))
    put("namesake", make.leaf(host("namesake"), namesake))
    return found


def write_all(folder: Path) -> dict[str, Path]:
    """Write every chain as `crt-NAME.pem`; the authority's key is `ca-key.pem`."""
    key = serialization.load_pem_private_key((folder / "ca-key.pem").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    ca = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    subject = ca.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    paths = {}
    for name, pem in chains((str(subject), key)).items():
        paths[name] = folder / f"crt-{name}.pem"
        paths[name].write_bytes(pem)
    proxy = Maker((str(subject), key)).leaf(places.fqdn(places.CERTIFICATE_OF_HP))
    paths["hp"] = folder / "crt-hp.pem"
    paths["hp"].write_bytes(make_pem(proxy[1], proxy[0]))
    return paths
