"""Rules of a channel's table: what cannot work ends the start, and names the channel."""

import pytest

from modpulse.agent.service.errors import ConfigError
from modpulse.collector.config import parse

GOOD = {"name": '"ops"', "url": '"https://hooks.corp/x"'}


def table(**keys: str) -> str:
    """A `[[channel]]` table."""
    return "[[channel]]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())


def test_a_table() -> None:
    """What is not said has its default."""
    (channel,) = parse(table(**GOOD), {}).channel

    assert (channel.kind, channel.language, channel.severities) == (
        "webhook", "en", ("P0", "P1", "P2")
    )  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"name": '""'}, "expected letters"),
        ({"name": '"a b"'}, "expected letters"),
        ({"kind": '"pigeon"'}, "kind"),
        ({"language": '"de"'}, "language"),
        ({"severities": '["P9"]'}, "expected P0, P1, P2"),
        ({"url": '""'}, "either url or url_file"),
        ({"url_file": '"/x"'}, "either url or url_file"),
        ({"url": '"ftp://x.corp/"'}, "expected http or https"),
        ({"url": '"https://user:pw@x.corp/"'}, "without a user"),
        ({"url": '"https:///x"'}, "expected http or https"),
        ({"url": '"https://x.corp:99999/"'}, "Port out of range"),
        ({"url": '"http://x.corp/"', "secret_file": '"/x"'}, "needs https beyond loopback"),
        ({"kind": '"mail"', "url": '"https://x.corp"'}, "expected smtp or smtps"),
        ({"kind": '"mail"', "url": '"smtp://x"', "mail_from": '"a@b"'}, "mail_to"),
        (
            {"kind": '"mail"', "url": '"smtp://x"', "mail_from": '"a"', "mail_to": '["a@b"]'},
            "expected user@host",
        ),
        (
            {
                "kind": '"mail"', "url": '"smtp://x"', "mail_from": '"a@b"',
                "mail_to": '["a@b"]', "mail_user": '"a"',
            },
            "belongs together",
        ),
        ({"kind": '"pagerduty"'}, "needs an integration key"),
        ({"colour": '"red"'}, "unknown key"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_work(keys: dict[str, str], words: str) -> None:
    """One line says what is wrong, and shows no address."""
    with pytest.raises(ConfigError, match=words) as error:
        parse(table(**GOOD | keys), {})

    assert "pw@" not in str(error.value)


def test_names_are_once() -> None:
    """The outbox knows channels by their names."""
    with pytest.raises(ConfigError, match="two channels"):
        parse(table(**GOOD) * 2, {})
