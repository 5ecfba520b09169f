"""Why an HTTP or SOCKS proxy opened no way."""

import pytest
from builders import HOST, connection, go_error

from modpulse.agent.tracker.waycause import way_cause
from modpulse.agent.wire.socks import REFUSES_LOGIN

VIA = {"via": "squid.test:3128", "host": HOST}
PHRASE = "*errors.errorString"


@pytest.mark.parametrize(
    ("status", "cls"),
    [(200, "http.content"), (404, "http.4xx"), (407, "auth.407"), (502, "http.5xx")],
)
def test_connect(status: int, cls: str) -> None:
    """What CONNECT was answered decides, whatever go makes of it."""
    found = way_cause(
        connection(**VIA, tunnel="refused", connect_status=status), go_error(PHRASE, text="Gone")
    )

    assert found is not None
    assert found.cls == cls
    assert str(status) in found.words


@pytest.mark.parametrize(
    ("text", "cls"),
    [
        ("Proxy Authentication Required", "auth.407"),
        ("Bad Gateway", "http.5xx"),
        ("token=s3cret", "http.protocol"),
        ("EOF", None),
    ],
)
def test_connect_within_tls(text: str, cls: str | None) -> None:
    """There go tells the phrase alone: those of the RFC are known, others are not repeated."""
    found = way_cause(connection(**VIA, tunnel="asked"), go_error(PHRASE, text=text))

    assert (found and found.cls) == cls
    assert found is None or "s3cret" not in found.words


def test_socks() -> None:
    """A SOCKS proxy that takes no login is one; of its other codes go has the words."""
    held = {**VIA, "is_socks": True, "tunnel": "refused"}
    found = way_cause(connection(**held, connect_status=REFUSES_LOGIN), None)

    assert found is not None
    assert found.cls == "auth.407"
    assert way_cause(connection(**held, connect_status=5), None) is None


def test_nothing_was_answered() -> None:
    """Without an answer there is nothing to judge, nor behind a way that stands."""
    error = go_error(PHRASE, text="Not Found")

    assert way_cause(connection(**VIA), error) is None
    assert way_cause(connection(**VIA, tunnel="asked"), None) is None
    assert way_cause(connection(**VIA, tunnel="stands"), error) is None
