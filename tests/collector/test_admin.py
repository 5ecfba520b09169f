"""Rules of `modpulse token`, where no collector is needed."""

import json
from pathlib import Path

import pytest

from modpulse.collector.access import file as access_file
from modpulse.collector.access.entries import key_of
from modpulse.collector.cli import MISTAKE, main
from modpulse.collector.clock import rfc3339


@pytest.fixture
def config(tmp_path: Path) -> list[str]:
    """The option that names a configuration with an `access_file`."""
    path = tmp_path / "c.toml"
    path.write_text(f'access_file = "{tmp_path / "access"}"\n')
    return ["--config", str(path)]


def test_the_token_is_shown_once(
    config: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It alone goes to stdout; the file has its hash, its name and its roles."""
    code = main(["token", "new", "site-a", "--role", "ship", "--role", "read", *config])
    shown = capsys.readouterr()
    token = shown.out.removesuffix("\n")
    (entry,) = access_file.load(str(tmp_path / "access"))

    assert code == 0
    assert (entry.name, entry.roles, entry.key) == (
        "site-a", {"ship", "read"}, key_of(token.encode()),
    )  # fmt: skip
    assert token not in shown.err + (tmp_path / "access").read_text()
    assert main(["token", "list", *config]) == 0
    assert capsys.readouterr().out == f"site-a ship,read {entry.id}\n"


def test_tokens_are_listed_for_programs(
    config: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As JSON, without anything that a token could be made from."""
    main(["token", "new", "site-a", "--role", "read", "--role", "ship", *config])
    main(["token", "new", "ci", "--role", "ship", "--days", "30", *config])
    first, second = access_file.load(str(tmp_path / "access"))
    capsys.readouterr()
    assert main(["token", "list", "--json", *config]) == 0
    shown = json.loads(capsys.readouterr().out)

    assert shown == {
        "schema": 1,
        "tokens": [
            {"name": "site-a", "roles": ["ship", "read"], "id": first.id, "until": None},
            {
                "name": "ci",
                "roles": ["ship"],
                "id": second.id,
                "until": rfc3339(second.not_after_ns),
            },
        ],
    }


def test_a_token_is_exchanged(
    config: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second of a name stands beside the first until that is revoked by its id."""
    for days in ("0.5", "30"):
        assert main(["token", "new", "ci", "--role", "ship", "--days", days, *config]) == 0
    first, second = access_file.load(str(tmp_path / "access"))
    capsys.readouterr()
    assert main(["token", "revoke", "ci", "--id", first.id, *config]) == 0
    assert capsys.readouterr().out.startswith(f"revoked ci ship {first.id} until 20")
    assert access_file.load(str(tmp_path / "access")) == (second,)
    assert main(["token", "revoke", "ci", "--id", first.id, *config]) == 1
    assert main(["token", "revoke", "ci", *config]) == 0
    assert access_file.load(str(tmp_path / "access")) == ()


def test_without_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Where none is configured the line is shown, to be added by hand."""
    empty = tmp_path / "empty.toml"
    empty.write_text("")
    option = ["--config", str(empty)]
    assert main(["token", "new", "ops", "--role", "admin", *option]) == 0
    shown = capsys.readouterr()

    assert shown.err == f"the line for access_file: ops admin {key_of(shown.out[:-1].encode())}\n"
    for act in (["list"], ["revoke", "ops"]):
        assert main(["token", *act, *option]) == MISTAKE


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["new", "a b", "--role", "ship"], "name 'a b': expected a letter"),
        (["new", "a", "--role", "ship", "--days", "0"], "--days 0: more than 0"),
        (["new", "a", "--role", "ship", "--days", "nan"], "--days nan: more than 0"),
        (["new", "a", "--role", "ship", "--days", "3661"], "at most 3660"),
    ],
)
def test_mistakes(
    words: list[str], complaint: str, config: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistake is one line and exit code 2, and no token was made."""
    assert main(["token", *words, *config]) == MISTAKE
    shown = capsys.readouterr()

    assert complaint in shown.err
    assert (shown.out, shown.err.count("\n")) == ("", 1)
