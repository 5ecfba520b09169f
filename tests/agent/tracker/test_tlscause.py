"""What is wrong with a certificate, in words that a person can use."""

import struct

import pytest
from builders import go_error

from modpulse.agent.records.records import Certificate
from modpulse.agent.tracker.tlscause import certificate_words, tls_cause

DAY = 86_400


def certificate(**fields) -> Certificate:
    known = {"subject": "CN=a.test", "issuer": "CN=Lab CA", "dns_names": ("a.test",),
             "not_before": 0, "not_after": 10 * DAY, "sha256": "00"}  # fmt: skip
    return Certificate(**(known | fields))


EXPIRED = go_error("x509.CertificateInvalidError", leaf=struct.pack("<qq", 0, 1))
HOSTNAME = go_error("x509.HostnameError")
UNKNOWN = go_error("x509.UnknownAuthorityError")
STRANGER = "certificate of b.test is signed by an unknown authority: CN=Lab CA"


def hinted(reason: str, **fields):
    return go_error("x509.UnknownAuthorityError", reason, **fields)


@pytest.mark.parametrize(
    ("error", "fields", "now_s", "words"),
    [
        (EXPIRED, {}, 12 * DAY, "certificate of b.test expired 2 d ago"),
        (EXPIRED, {}, 10 * DAY + 7200, "certificate of b.test expired 2 h ago"),
        (EXPIRED, {}, 10 * DAY + 61, "certificate of b.test expired 1 min ago"),
        (EXPIRED, {}, 10 * DAY + 9, "certificate of b.test expired 9 s ago"),
        (EXPIRED, {"not_before": 5 * DAY}, DAY,
         "certificate of b.test is valid only in 4 d, by the clock of this machine"),
        (EXPIRED, {}, DAY, "certificate of b.test is in its time, but one that signed it is not"),
        (HOSTNAME, {}, 0, "certificate is for a.test, not for b.test"),
        (HOSTNAME, {"dns_names": ()}, 0,
         "certificate has no names for b.test, only a Common Name, which go ignores"),
        (UNKNOWN, {}, 0, "certificate of b.test is signed by an unknown authority: CN=Lab CA"),
        (hinted("x509.InsecureAlgorithmError", leaf=struct.pack("<q", 3)), {}, 0,
         f"{STRANGER}; a signature by one that is known is too weak for go (SHA1-RSA):"
         " insecure algorithm"),
        (hinted("x509.InsecureAlgorithmError", leaf=struct.pack("<q", 99)), {}, 0,
         f"{STRANGER}; a signature by one that is known is too weak for go: insecure algorithm"),
        (hinted("*errors.errorString", text="x509: ECDSA verification failure"), {}, 0,
         f"{STRANGER}; who is known by that name has another key"),
        (hinted("x509.ConstraintViolationError"), {}, 0,
         f"{STRANGER}; who is known by that name may not sign certificates"),
        (go_error("tls.alert"), {}, 0, None),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_certificate(error, fields, now_s, words) -> None:
    """The evidence has a time or a name in it, where the certificate is what was wrong."""
    assert certificate_words(error, certificate(**fields), "b.test", now_s) == words


def test_why_no_authority_was_taken() -> None:
    """Whatever go says of an authority of the right name, what was met is an unknown one."""
    for reason in ("x509.InsecureAlgorithmError", "x509.ConstraintViolationError", "?"):
        cause = tls_cause(hinted(reason, leaf=struct.pack("<q", 9)))

        assert cause is not None
        assert cause.cls == "tls.untrusted"
        assert cause.words.startswith("showed a certificate of an unknown authority; ")
