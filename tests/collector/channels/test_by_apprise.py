"""Notices by the real Apprise, to a receiver on loopback that fails in every way it is told to."""

import json
import sys
from pathlib import Path

import pytest
from outages import document, fail, quick, recover, until
from receivers import Receiver, answer, close, receiving, reset

from modpulse.agent.service.errors import ConfigError
from modpulse.collector.channels.by_apprise import FORBIDDEN, notify
from modpulse.collector.channels.channel import Channel
from modpulse.collector.channels.message import DeliveryError
from modpulse.collector.channels.render import Words
from modpulse.collector.channels.sender import _notifier

pytestmark = pytest.mark.filterwarnings("ignore")
"""Of what Apprise imports."""
SECRET = "5ca1ab1e-5ca1ab1e"
TABLE = '[[channel]]\nname = "any"\nkind = "apprise"\nurl_file = "{}"\n'


def address(folder: Path, receiver: Receiver) -> Path:
    """A file with the address of a receiver, and a password in it."""
    file = folder / "apprise.url"
    file.write_text(f"json://ops:{SECRET}@127.0.0.1:{receiver.port}/hook\n")
    return file


def test_an_outage_and_its_end_arrive(tmp_path: Path) -> None:
    """Each once, although the first attempts fail; the address is in no log and no answer."""
    with receiving(answer(500), reset, close) as receiver:
        collector = quick(tmp_path, TABLE.format(address(tmp_path, receiver))).start()
        try:
            fail(collector)
            receiver.wait(4)
            shown = json.dumps(document(collector))
            recover(collector)
            until(collector, lambda d: d["channels"][0]["delivered"] == 2)
        finally:
            collector.end()
    opened, closed = receiver.bodies()[-2:]

    assert opened["title"] == "[P0] sick.example is down"
    assert "works again" in closed["title"]
    assert all("authorization" in headers for _, headers, _ in receiver.got)
    assert SECRET not in shown + "".join(collector.log)
    assert any("channel.failed" in line for line in collector.log)


@pytest.mark.parametrize("url", [*(f"{name}://" for name in sorted(FORBIDDEN)), "nosuch://x", "x"])
def test_what_is_no_service(url: str) -> None:
    """Unknown ones, and this machine's own log and desktop."""
    with pytest.raises(DeliveryError, match="no such address"):
        notify(Words("title", "body"), url)


@pytest.mark.parametrize(
    "url", ["", "json", "json://", "json://a b", "json://a, json://b", "json://\x07"]
)
def test_addresses_that_are_none(url: str) -> None:
    """One address, printable, without blanks; what it was is not said."""
    channel = Channel(name="any", kind="apprise", url_file="/x")
    with pytest.raises(ConfigError) as caught:
        channel.check_url(url)

    assert "json" not in str(caught.value).replace("'…'", "")


def test_the_address_is_a_secret() -> None:
    """It stands in a file, not in the configuration."""
    with pytest.raises(ConfigError, match="expected url_file"):
        Channel(name="any", kind="apprise", url="json://127.0.0.1").check()


def test_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "apprise", None)
    monkeypatch.delitem(sys.modules, "modpulse.collector.channels.by_apprise", raising=False)

    with pytest.raises(ConfigError, match=r"pip install 'modpulse\[apprise\]'"):
        _notifier()
