"""Tokens, certificates and keys that operators name: each mistake is one line."""

import os
import ssl
import subprocess
from pathlib import Path

import pytest
from collectors import write_certificates

from modpulse.agent.service.credentials import (
    client_context,
    first_token,
    load_own,
    read_tokens,
    trust_clients,
)
from modpulse.agent.service.errors import ConfigError


@pytest.mark.parametrize(
    ("data", "tokens"),
    [
        (b"abc\n", ["abc"]),
        (b"abc", ["abc"]),
        (b"abc\r\n", ["abc"]),
        (b"a" * 8192, ["a" * 8192]),
        (b"\n# comment\r\n  abc  \r\nold\n", ["abc", "old"]),
    ],
)
def test_tokens(tmp_path: Path, data: bytes, tokens: list[str]) -> None:
    """One per line, whatever ends the line."""
    path = tmp_path / "token"
    path.write_bytes(data)

    assert (read_tokens(str(path)), first_token(str(path))) == (tokens, tokens[0])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no token in it"),
        (b"# only a comment\n\n", "no token in it"),
        (b"two words", "line 1 is not one word of printable ASCII"),
        ("\ncafé".encode(), "line 2 is not one word of printable ASCII"),
        (b"\xef\xbb\xbfabc", "line 1 is not one word of printable ASCII"),
        (b"abc\0", "line 1 is not one word of printable ASCII"),
        (b"a" * 8193, "line 1 has more than 8192 bytes"),
        ("abc".encode("utf-16"), "line 1 is not one word of printable ASCII"),
    ],
)
def test_no_tokens(tmp_path: Path, data: bytes, words: str) -> None:
    """What no header can carry is said with its line, without a word of it."""
    path = tmp_path / "token"
    path.write_bytes(data)
    for read in (read_tokens, first_token):
        with pytest.raises(ConfigError) as caught:
            read(str(path))
        assert str(caught.value) == f"token_file = '{path}': {words}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Certificates, good ones and such as operators have by mistake."""
    write_certificates(tmp_path, "other")
    openssl = ("openssl", "pkey", "-in", "server.pem")
    for more in (("-out", "key.pem"), ("-aes256", "-passout", "pass:x", "-out", "secret.pem")):
        subprocess.run([*openssl, *more], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "empty").touch()
    (tmp_path / "nul").write_bytes(bytes(1000))
    (tmp_path / "cut.pem").write_bytes((tmp_path / "ca.pem").read_bytes()[:100])
    (tmp_path / "cut-key.pem").write_bytes(
        (tmp_path / "key.pem").read_bytes()[:-80] + b"\nPRIVATE KEY-----"
    )
    crlf = (tmp_path / "ca.pem").read_bytes().replace(b"\n", b"\r\n")
    (tmp_path / "crlf.pem").write_bytes(crlf)
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(10 << 30)
    return tmp_path


def test_certificates_that_are_good(folder: Path) -> None:
    """A pair in one file or two, and authorities with any ends of lines; of `ca_file` no other
    authority is trusted."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pem = str(folder / "server.pem")
    load_own(server, pem, pem)
    load_own(server, pem, str(folder / "key.pem"))
    trust_clients(server, str(folder / "crlf.pem"))

    context = client_context(str(folder / "ca.pem"))
    assert (len(context.get_ca_certs()), context.verify_mode) == (1, ssl.CERT_REQUIRED)
    assert context.check_hostname
    assert client_context("").verify_mode == ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("empty", "no certificate in it (PEM)"),
        ("nul", "no certificate in it (PEM)"),
        ("key.pem", "no certificate in it (PEM)"),
        ("cut.pem", ""),
        ("pipe", "a named pipe, not a regular file"),
        ("large", "more than 4194304 bytes"),
        ("missing", "No such file or directory"),
    ],
)
def test_authorities_that_are_bad(folder: Path, name: str, words: str) -> None:
    """Of either key the line says which file, and what is wrong with it."""
    path = str(folder / name)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for key, use in (
        ("ca_file", lambda: client_context(path)),
        ("tls_client_ca", lambda: trust_clients(server, path)),
    ):
        with pytest.raises(ConfigError) as caught:
            use()
        assert str(caught.value).startswith(f"{key} = '{path}': {words}")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("certificate", "key", "words"),
    [
        ("empty", "key.pem", "tls_certificate = 'empty': no certificate in it (PEM)"),
        ("key.pem", "key.pem", "tls_certificate = 'key.pem': no certificate in it (PEM)"),
        ("ca.pem", "empty", "tls_key = 'empty': no private key in it (PEM)"),
        ("server.pem", "pipe", "tls_key = 'pipe': a named pipe, not a regular file"),
        ("large", "key.pem", "tls_certificate = 'large': more than 4194304 bytes"),
        ("server.pem", "secret.pem", "tls_key = 'secret.pem': is encrypted, and nobody is asked"),
        ("other.pem", "key.pem", "tls_certificate = 'other.pem', tls_key = 'key.pem': key values "
         "mismatch"),
        ("cut.pem", "key.pem", "tls_certificate = 'cut.pem', tls_key = 'key.pem': "),
        ("server.pem", "cut-key.pem", "tls_certificate = 'server.pem', tls_key = 'cut-key.pem': "),
    ],
)  # fmt: skip
def test_pairs_that_are_bad(
    folder: Path, monkeypatch: pytest.MonkeyPatch, certificate: str, key: str, words: str
) -> None:
    """Each is one line; an encrypted key asks nobody for its password."""
    monkeypatch.chdir(folder)
    with pytest.raises(ConfigError) as caught:
        load_own(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), certificate, key)

    assert str(caught.value).startswith(words)
    assert len(str(caught.value)) > len(words) - 1
    assert "\n" not in str(caught.value)
