"""
Why a command failed where no request says it: the machine, a file of its user, or a setting.

By the types of Go's errors; where Go made one of words alone, by the constants of cmd/go that a
format or a text begins with, and by the variables that it names. What is quoted decides nothing.
"""

import re

from ..events.events import GoError
from .cause import Cause, errno_of
from .localcause import FILE_ERRORS, SYSTEM_ROOTS, local_cause, told_local_cause

_TOO_NEW = "*gover.TooNewError"
_FILES = {
    "modfile.ErrorList": "go.mod, or go.work, cannot be read",
    "*modfile.Error": "go.mod, or go.work, cannot be read",
    "modload.noMainModulesError": "there is no go.mod",
    "*modload.sumMissingError": "go.sum has no entry for a go.mod that is needed",
    "*modload.ImportMissingSumError": "go.sum has no entry for a module that is needed",
}
"""Errors that are about the user's own files."""
_NOT_ON_PATH = "*exec.Error"
"""What os/exec has for a program that it did not find; with an errno it is of a file."""
_NO_PROGRAM = Cause("local.tool", "a program that it runs is not on PATH", "machine")
_BAD_URL = frozenset({"url.EscapeError", "url.InvalidHostError"})

_NOT_THERE = frozenset({2, 8, 20, 21, 40})
"""ENOENT, ENOEXEC, ENOTDIR, EISDIR, ELOOP: what a name that is wrong is the cause of."""
_ABSENT = (
    "a file that go.mod, go.work or a setting names (GOWORK, GOFLAGS) is not there, or one of its"
    " caches was removed meanwhile"
)

_SETTINGS = re.compile(
    r"(?<![\w./~@-])(GOPROXY|GOSUMDB|GONOSUMDB|GONOPROXY|GOPRIVATE|GOFLAGS|GOTOOLCHAIN|GOMODCACHE"
    r"|GOPATH|GOCACHE|GOCACHEPROG|GOENV|GOAUTH|GOVCS|GOINSECURE|GOROOT|GOTMPDIR|GODEBUG|GOWORK"
    r"|GO111MODULE|GOOS|GOARCH|GOEXPERIMENT|GOFIPS140|GOBIN|GOARM|GOAMD64|HTTPS_PROXY|HTTP_PROXY"
    r"|HOME)(?![\w/@-]|\.\w)"
)
"""Whole words; not in a path, a URL or a module's name."""
_NO_WORDS = re.compile(r'"(?:\\.|[^"\\])*"?|\w+://\S+|(?<![\w.])[.~]{0,2}/[^:\n]*')
"""What is quoted, URLs, and paths up to the colon that ends them: they may have spaces."""

_PHRASES = {
    "invalid proxy URL": "GOPROXY",
    "invalid file:// proxy URL": "GOPROXY",
    "invalid port": "GOPROXY",
    "missing ']' in host": "GOPROXY",
    "missing protocol scheme": "GOPROXY",
    "first path segment in URL": "GOPROXY, perhaps by quotes in it,",
    "net/url: invalid": "GOPROXY",
    "refusing to pass credentials": "GOPROXY",
    "disabled by GOPRIVATE/GONOPROXY": "GOPRIVATE or GONOPROXY",
    "unsupported GOOS/GOARCH pair": "GOOS or GOARCH",
    "network disabled by cmdgonetlimit": "GODEBUG",
    "-mod=%s not supported": "GOFLAGS (-mod)",
    "-mod may only be set to": "GOFLAGS (-mod), beside go.work,",
    "build flag -mod": "GOFLAGS (-mod)",
    "inconsistent vendoring": "GOFLAGS or vendor/modules.txt",
    "reading overlay": "GOFLAGS (-overlay)",
    "-p must be": "-p, of the command or of GOFLAGS,",
    "cannot find %q in PATH": "GOTOOLCHAIN",
    "creating work dir": "GOTMPDIR, or TMPDIR,",
    "cannot determine current directory": "the working directory, which is not there,",
    "failed to initialize build cache": "GOCACHE",
    "could not create module cache": "GOMODCACHE",
    "error loading go.work": "go.work",
    "errors parsing": "go.mod, or go.work,",
    "go.mod file not found": "go.mod, which is not there,",
    "malformed go.sum": "go.sum",
}
"""How cmd/go begins where it says something of a setting without its name, or of more than one."""


def told_cause(words: str, error: GoError | None, module: str | None = None) -> Cause | None:
    """
    Say what a command failed with where no request says it: of the machine, or of its settings.

    Args:
        words: The format that `go` told it with.
        error: What it told.
        module: That it is about.
    """
    if error is None:
        return _setting_cause(words)
    if _TOO_NEW in error.types:
        return _too_new(error)
    of_file = next((_FILES[name] for name in error.types if name in _FILES), None)
    if of_file is not None:
        return Cause("local.config", of_file, "configuration")
    if module is not None and module.startswith(("./", "../", "/")):
        return Cause("local.config", "a replacement in go.mod cannot be used", "configuration")
    if "*web.HTTPError" in error.types:
        return None  # a request says it
    if module is None and _is_not_there(error):
        return _setting_cause(words) or Cause("local.config", _ABSENT, "configuration")
    told = told_local_cause(error)
    if told is None and ("*url.Error" in error.types and error.types[-1] in _BAD_URL):
        return Cause("local.config", "GOPROXY has an entry that is no URL", "configuration")
    found = local_cause(error) or told or _setting_cause(words) or _setting_cause(error.text)
    return found or (_NO_PROGRAM if _NOT_ON_PATH in error.types else None)


def _is_not_there(error: GoError) -> bool:
    of_file = not FILE_ERRORS.isdisjoint(error.types)
    # Of certificate authorities local_cause tells.
    return of_file and errno_of(error) in _NOT_THERE and SYSTEM_ROOTS not in error.types


def _too_new(error: GoError) -> Cause:
    """What needs a newer Go: a file of the user, or a module."""
    own = error.text if error.text.endswith((".mod", ".work")) else None
    who = "a module that is needed asks for" if own is None else f"{own.rpartition('/')[2]} needs"
    words = f"{who} a newer Go, which GOTOOLCHAIN does not allow or have"
    return Cause("local.config", words, "configuration")


def _setting_cause(text: str) -> Cause | None:
    """An error that names a variable of the environment is about what the user has set it to."""
    # What a server or another program said stands on lines of its own, below.
    line = text.removeprefix("go: ").partition("\n")[0]
    name = next((name for words, name in _PHRASES.items() if line.startswith(words)), None)
    if name is None:
        found = _SETTINGS.search(_NO_WORDS.sub("", line))
        name = found[1] if found else None
    if name is None:
        return None
    return Cause("local.config", f"{name} ends the command", "configuration")
