"""What a command tells where no request says it: of the machine, of files, of settings."""

import struct

import pytest
from builders import go_error

from modpulse.agent.tracker.toldcause import told_cause

ENOENT = go_error("*fs.PathError", "syscall.Errno", leaf=struct.pack("<Q", 2))
ENOSPC = go_error("*fs.PathError", "syscall.Errno", leaf=struct.pack("<Q", 28))
NO_ROOTS = go_error(
    "x509.SystemRootsError", "*fs.PathError", "syscall.Errno", leaf=struct.pack("<Q", 21)
)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("go.mod", "go.mod needs"),
        ("../go.work", "go.work needs"),
        ("module m@v1.0.0", "a module that"),
        ("m@v1.0.0", "a module that"),
    ],
)
def test_a_newer_go(what: str, words: str) -> None:
    """Whose go.mod asks for it is told apart: the user's own, or a module's that is needed."""
    cause = told_cause("go: %v", go_error("*gover.TooNewError", text=what))

    assert cause is not None
    assert cause.cls == "local.config"
    assert cause.words.startswith(words)


@pytest.mark.parametrize(
    ("words", "error", "cls"),
    [
        ("go: %v", go_error(text="module lookup disabled by GOPROXY=off"), "local.config"),
        ("go: parsing $GOFLAGS: unknown flag -%s", go_error(text="x"), "local.config"),
        ("go: %v", go_error("*url.Error", "url.EscapeError", text="%zz"), "local.config"),
        ("go: %v", go_error("*fs.PathError", "syscall.Errno", leaf=b"\x1c"), "local.disk"),
        ("go: %v", go_error("*web.HTTPError", text="https://GOPROXY.test/"), None),
        ("go: %v", go_error(text="m@v: reading x\n\tserver response: set GOPROXY"), None),
        ("go: %v", go_error("*module.ModuleError", "*modload.sumMissingError"), "local.config"),
        ("go: %v", go_error("*fmt.wrapError", "*modload.ImportMissingSumError"), "local.config"),
        ("go: %v", go_error(text="no required module provides package x"), None),
    ],
)
def test_what_a_command_tells(words: str, error, cls: str | None) -> None:
    """Settings and the machine are told where go names them, never for what a server said."""
    cause = told_cause(words, error)

    assert (cause and cause.cls) == cls


@pytest.mark.parametrize(
    ("words", "text", "name"),
    [
        ("GOCACHEPROG exited pre-Close with %v pending requests", "", "GOCACHEPROG"),
        ("go: %v", "GOCACHE is not defined and neither $XDG_CACHE_HOME nor $HOME are", "GOCACHE"),
        ("go: %v", "$HOME is not defined", "HOME"),
        (
            "cannot determine current directory: %v",
            "",
            "the working directory, which is not there,",
        ),
        ("go: %v", "unsupported GOOS/GOARCH pair x/y", "GOOS or GOARCH"),
        (
            "go: %v",
            "first path segment in URL cannot contain colon",
            "GOPROXY, perhaps by quotes in it,",
        ),
        ("go: %v", "could not create module cache: stat /x/HOME: not a directory", "GOMODCACHE"),
        ("go: -p must be a positive integer: %v\n", "", "-p, of the command or of GOFLAGS,"),
        ("go: -mod may only be set to readonly, or set GOWORK=off", "mod", "GOFLAGS (-mod)"),
    ],
)
def test_the_variable_that_is_named(words: str, text: str, name: str) -> None:
    """The whole name, or what cmd/go begins with."""
    cause = told_cause(words, go_error(text=text))

    assert cause is not None
    assert cause.words.startswith(f"{name}, " if "-mod may" in words else f"{name} ")


@pytest.mark.parametrize(
    "text",
    [
        "open /x/my HOME dir/GOPATH/y: bad",
        "module a.test/GOPROXY@v1: bad",
        'bad "GOFLAGS" and https://GOSUMDB.test/ GOPROXY.test',
        "git fetch: exit status 128:\n\tremote: set HOME",
        "MY_GOPATH, HOMES",
    ],
)
def test_names_that_are_quoted(text: str) -> None:
    """A path, a URL, a module and another program's words are no setting."""
    assert told_cause("go: %v", go_error(text=text)) is None


@pytest.mark.parametrize(
    ("words", "error", "cls", "said"),
    [
        ("go: %v", ENOENT, "local.config", "go.work or a setting names (GOWORK, GOFLAGS)"),
        ("go: creating work dir: %v", ENOENT, "local.config", "GOTMPDIR"),
        ("go: %v", NO_ROOTS, "local.ca", "authorities"),
        ("go: creating work dir: %v", ENOSPC, "local.disk", "no space left"),
        ("error starting GOCACHEPROG program %q: %v", ENOENT, "local.config", "GOCACHEPROG"),
    ],
)
def test_a_file_that_is_not_there(words: str, error, cls: str, said: str) -> None:
    """It was named wrong, which is the user's; a full disk is the machine's."""
    cause = told_cause(words, error)

    assert cause is not None
    assert cause.cls == cls
    assert said in cause.words
