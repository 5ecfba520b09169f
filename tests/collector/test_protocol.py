"""Rules of one HTTP connection: what slow, endless and nameless callers get."""

from modpulse.collector.protocol import certificate_names


def test_certificate_names() -> None:
    """A caller is known by its common name and by the DNS names of its certificate."""
    certificate = {
        "subject": ((("organizationName", "Corp"),), (("commonName", "build-1"),)),
        "subjectAltName": (("DNS", "build-1.corp"), ("IP Address", "10.0.0.1")),
    }

    assert certificate_names(certificate) == {"build-1", "build-1.corp"}
    assert certificate_names(None) == frozenset()
    assert certificate_names({}) == frozenset()
