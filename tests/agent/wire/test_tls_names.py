"""The IANA names of TLS."""

import ssl

import pytest

from modpulse.agent.wire.tls_names import ALERTS, alert_name, cipher_name, version_name


def test_names() -> None:
    """Known numbers have their IANA name, unknown ones are shown as they are."""
    assert version_name(0x0304) == "1.3"
    assert version_name(0x7F1C) == "0x7f1c"
    assert cipher_name(0x1301) == "TLS_AES_128_GCM_SHA256"
    assert cipher_name(0x00FF) == "0x00ff"
    assert alert_name(48) == "unknown_ca"
    assert alert_name(200) == "alert_200"


@pytest.mark.parametrize("alert", list(ssl.AlertDescription))
def test_alerts_agree_with_openssl(alert: ssl.AlertDescription) -> None:
    """OpenSSL's names of alerts are the IANA names, but for the two it shortens."""
    name = alert.name.removeprefix("ALERT_DESCRIPTION_").lower()
    expected = {"user_cancelled": "user_canceled"}.get(name, name)

    assert ALERTS[alert].removesuffix("_RESERVED").startswith(expected)
