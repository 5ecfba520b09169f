"""Mail to a real SMTP server, and what servers do that take none."""

import email
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from collectors import write_certificates
from outages import fail, quick, recover, until

PASSWORD = "5ca1ab1e-5ca1ab1e"


class Inbox:
    """Keeps what comes; `refuse` is what it says to the next ones."""

    def __init__(self, *refuse: str) -> None:
        self.refuse = list(refuse)
        self.messages: list[Message] = []
        self.tls: list[bool] = []

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - theirs
        """A message came."""
        if self.refuse:
            return self.refuse.pop(0)
        self.messages.append(email.message_from_bytes(envelope.content, policy=default))
        self.tls.append(session.ssl is not None)
        return "250 kept"


@contextmanager
def serving(inbox: Inbox, **options: Any) -> Iterator[int]:
    """A server on loopback; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    controller = Controller(inbox, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def table(port: int, **keys: str) -> str:
    """A `[[channel]]` of mail."""
    lines = "".join(f"{key} = {value}\n" for key, value in keys.items())
    mail_to = '["a@corp.example", "b@corp.example"]'
    return (
        f'[[channel]]\nname = "mail"\nkind = "mail"\nurl = "smtp://127.0.0.1:{port}"\n'
        f'mail_from = "modpulse@corp.example"\nmail_to = {mail_to}\n{lines}'
    )


def told(folder: Path, tables: str, count: int) -> dict[str, Any]:
    """Have an outage and its end told; returns the channel."""
    collector = quick(folder, tables).start()
    try:
        fail(collector)
        until(collector, lambda d: d["channels"][0]["delivered"] == 1 or d["channels"][0]["error"])
        if count > 1:
            until(collector, lambda d: d["channels"][0]["delivered"] == 1)
            recover(collector)
            until(collector, lambda d: d["channels"][0]["delivered"] == count)
        found: dict[str, Any] = until(collector, lambda _: True)["channels"][0]
        return found
    finally:
        collector.end()


def test_an_outage_is_a_thread_of_two_mails(tmp_path: Path) -> None:
    """Subject and text are those of the notice, in UTF-8; the second answers the first."""
    inbox = Inbox()
    with serving(inbox) as port:
        told(tmp_path, table(port, language='"zh"'), 2)
    first, second = inbox.messages

    assert first["Subject"] == "[P0] sick.example 不可用"
    assert "使用 `,` 的构建会失败" in first.get_content()  # type: ignore[attr-defined]
    assert (first["From"], first["To"]) == (
        "modpulse@corp.example", "a@corp.example, b@corp.example"
    )  # fmt: skip
    assert second["In-Reply-To"] == first["Message-ID"]
    assert second["Message-ID"] != first["Message-ID"]


@pytest.mark.parametrize("answer", ["451 come later", "554 not from you"])
def test_a_server_that_refuses_is_asked_again(tmp_path: Path, answer: str) -> None:
    """Its words are shown, and the mail comes once."""
    inbox = Inbox(answer)
    with serving(inbox) as port:
        channel = told(tmp_path, table(port), 2)

    assert (channel["error"], len(inbox.messages)) == (None, 2)


class Choosy(Inbox):
    """Takes mail for all but one."""

    async def handle_RCPT(  # noqa: N802 - theirs
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        """Somebody it is for."""
        if address.startswith("a@"):
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 known"


def test_one_address_of_two_is_refused(tmp_path: Path) -> None:
    """Who takes it gets it once, the channel works, and who does not is shown."""
    inbox = Choosy()
    with serving(inbox) as port:
        channel = told(tmp_path, table(port), 2)

    assert [mail["Subject"].split()[0] for mail in inbox.messages] == ["[P0]", "[P0]"]
    assert channel["error"] == "refused for a@corp.example"
    assert (channel["dead_since"], channel["waiting"]) == (None, 0)


def tls(folder: Path) -> ssl.SSLContext:
    """What a server shows."""
    write_certificates(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


def knows(asked: list[tuple[str, str]]) -> Callable[..., AuthResult]:
    """Who may log in."""

    def authenticate(
        _server: Any, _session: Any, _envelope: Any, _how: str, data: Any
    ) -> AuthResult:
        asked.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password.decode() == PASSWORD)

    return authenticate


def test_it_logs_in_over_tls(tmp_path: Path) -> None:
    """STARTTLS first, with an authority of one's own, then user and password."""
    inbox, asked = Inbox(), list[tuple[str, str]]()
    (tmp_path / "password").write_text(PASSWORD)
    keys = {
        "ca_file": f'"{tmp_path / "ca.pem"}"', "mail_user": '"modpulse"',
        "secret_file": f'"{tmp_path / "password"}"',
    }  # fmt: skip
    options = {"tls_context": tls(tmp_path), "authenticator": knows(asked), "auth_required": True}
    with serving(inbox, **options) as port:
        told(tmp_path, table(port, **keys), 1)

    assert asked == [("modpulse", PASSWORD)]
    assert inbox.tls == [True]


def test_a_password_never_travels_in_the_clear(tmp_path: Path) -> None:
    """A server without STARTTLS is told nothing."""
    inbox, asked = Inbox(), list[tuple[str, str]]()
    (tmp_path / "password").write_text(PASSWORD)
    keys = {"mail_user": '"modpulse"', "secret_file": f'"{tmp_path / "password"}"'}
    options = {"authenticator": knows(asked), "auth_require_tls": False}
    with serving(inbox, **options) as port:
        channel = told(tmp_path, table(port, **keys), 1)

    assert "in the clear" in channel["error"]
    assert (asked, inbox.messages) == ([], [])


def test_a_strangers_certificate_is_refused(tmp_path: Path) -> None:
    """STARTTLS with a certificate of nobody: no mail goes."""
    inbox = Inbox()
    with serving(inbox, tls_context=tls(tmp_path)) as port:
        channel = told(tmp_path, table(port), 1)

    assert "certificate verify failed" in channel["error"]
    assert inbox.messages == []
