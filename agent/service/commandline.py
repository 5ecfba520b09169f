"""
What of a command line may be seen: what is known to be no secret.

A password is `-p S`, `-pS`, `--pass S`, `NAME=S`, `-X main.key=S`, a part of a script, or a word by
itself: each program has its own way, and none of them can be told from a harmless argument. So
only what is known is shown: the program, and of `go`, `git`, `make` and a shell what their own
grammar makes a name. Source: cmd/go, `go help build`, `go help testflag`.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

MAX_ARGUMENT_CHARS = 1024
"""Of one argument; a longer one is not shown."""


class Argument(NamedTuple):
    """One argument."""

    text: str
    """What may be seen of it: its beginning."""
    hides: bool = False
    """Something followed that may not."""


HIDDEN = Argument("", hides=True)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PATH = re.compile(r"[\w.~/@+-]+")
_PACKAGE = re.compile(
    r"(?=[^@]*[./])[A-Za-z_.~/][\w.~/+-]*(?:@(?:[<>]=?)?[\w.+/-]+)?|all|std|cmd|tool|work"
)
"""Of a word without dot and slash only what `go` itself gives a meaning (`go help packages`)."""
_VALUE = re.compile(r"[\w.,:/^$|()*+~-]+")
_VARIABLE = re.compile(r"([A-Za-z_]\w{0,63}=)(?s:.*)")
_SETTING = re.compile(r"(?:CGO_|GO)[A-Z0-9_]{1,32}|CC|CXX|AR|PKG_CONFIG|GCCGO")
_GO = re.compile(r"go(?:-?\d[\w.]*|tip)?")
_COMMANDS = _words(
    "bug build clean doc env fix fmt generate get help install list mod run telemetry test tool "
    "version vet work"
)
_SECOND_COMMANDS = {
    "mod": _words("download edit graph init tidy vendor verify why"),
    "work": _words("edit init sync use vendor"),
    "tool": _words("asm compile cover covdata cgo fix link nm objdump pprof trace vet"),
    "telemetry": frozenset({"off", "local", "on"}),
}
_SWITCHES = _words(
    "a asan artifacts benchmem c cache changed compiled cover d deps diff e export failfast find "
    "fix fullpath fuzzcache h help i insecure json linkshared m modcache modcacherw msan n r "
    "race retracted reuse s short synctest t test testcache trimpath u unset v versions w work "
    "x"
)
"""Flags of `go` that take no value behind a blank."""
_SWITCHED = re.compile("true|false|0|1|patch|build|exec")
_PLAIN_FLAGS = _words(
    "C bench benchtime buildmode buildvcs compat compiler count coverpkg covermode coverprofile "
    "cpu fuzz fuzztime go list mod modfile o outputdir p parallel run shuffle skip tags "
    "timeout toolchain"
)
"""Flags whose value is a place, a number, a pattern or a word of Go."""
_OTHER_FLAGS = _words(
    "asmflags exec f gccgoflags gcflags ldflags overlay pgo pkgdir replace require toolexec vet"
)
"""Flags whose value may be anything."""
_GIT = _words(
    "archive branch cat-file checkout clone config fetch for-each-ref init log ls-remote ls-tree "
    "pull remote remote-http remote-https rev-list rev-parse show status submodule tag"
)
_SHELLS = re.compile(r"(?:ba|da|a|z|k)?sh|python[\d.]*|perl|ruby|node")
_MAKE = re.compile(r"g?make")
_TARGET = re.compile(r"[A-Za-z][\w./-]*")
_MAKE_SWITCH = re.compile(r"-(?:[BCefiknqrRsSw]|j\d{0,4})")


def seen(arguments: Sequence[str]) -> list[Argument]:
    """Say of each argument of a command line, the program first, what may be seen of it."""
    if not arguments:
        return []
    program, *rest = arguments
    name = program.rpartition("/")[2]
    return [_if(_PATH, program), *_grammar(name)(rest)]


def is_called_go(program: str) -> bool:
    """Say whether the arguments of a program, by its name or path, are read as those of `go`."""
    return _GO.fullmatch(program.rpartition("/")[2]) is not None


def _grammar(name: str) -> Callable[[Sequence[str]], Iterator[Argument]]:
    if is_called_go(name):
        return _go
    if name == "git":
        return _git
    if _MAKE.fullmatch(name):
        return _make
    return _script if _SHELLS.fullmatch(name) else _wrapper


def _if(form: re.Pattern[str], text: str) -> Argument:
    is_known = len(text) <= MAX_ARGUMENT_CHARS and form.fullmatch(text)
    return Argument(text) if is_known else HIDDEN


def _go(rest: Sequence[str]) -> Iterator[Argument]:
    """Its words and flags, and what it builds; what it hands to others is not seen."""
    command: list[str] = []
    waits_for: Callable[[str], Argument] | None = None
    for index, argument in enumerate(rest):
        if waits_for is not None:
            yield waits_for(argument)
            waits_for = None
        elif argument in ("-args", "--args"):
            yield Argument(argument)
            yield from (HIDDEN for _ in rest[index + 1 :])
            return
        elif argument.startswith("-"):
            told, waits_for = _flag(argument)
            yield told
        elif argument in _words_after(command):
            command.append(argument)
            yield Argument(argument)
        else:
            yield _operand(command, argument)
            if command[:1] in (["run"], ["tool"]) or not command:
                yield from (HIDDEN for _ in rest[index + 1 :])
                return


def _words_after(command: Sequence[str]) -> frozenset[str]:
    if not command or command == ["help"]:
        return _COMMANDS
    return _SECOND_COMMANDS.get(command[0], frozenset()) if len(command) == 1 else frozenset()


def _flag(argument: str) -> tuple[Argument, Callable[[str], Argument] | None]:
    """Return what is seen of a flag, and what to do with its value if that comes next."""
    name, equals, value = argument.lstrip("-").partition("=")
    start = argument[: len(argument) - len(value)]
    form = _SWITCHED if name in _SWITCHES else _VALUE if name in _PLAIN_FLAGS else None
    if form is not None and equals:
        is_plain = _if(form, value) is not HIDDEN
        return (Argument(argument) if is_plain else Argument(start, hides=True)), None
    if form is not None:
        return Argument(start), None if name in _SWITCHES else _plain_value
    if name in _OTHER_FLAGS:
        return Argument(start, hides=bool(equals)), None if equals else _nothing
    # Whether a flag of somebody else has its value behind a blank is not known.
    return HIDDEN, None if equals else _unless_flag


def _plain_value(argument: str) -> Argument:
    return _if(_VALUE, argument)


def _nothing(_: str) -> Argument:
    return HIDDEN


def _unless_flag(argument: str) -> Argument:
    return _flag(argument)[0] if argument.startswith("-") else HIDDEN


def _operand(command: Sequence[str], argument: str) -> Argument:
    if command == ["env"]:
        variable = _VARIABLE.fullmatch(argument)
        return Argument(variable[1], hides=True) if variable else _if(_SETTING, argument)
    return _if(_PACKAGE, argument) if command else HIDDEN


def _git(rest: Sequence[str]) -> Iterator[Argument]:
    command = next((argument for argument in rest if argument in _GIT), None)
    for argument in rest:
        is_command = argument is command
        yield Argument(argument) if is_command else HIDDEN
        command = None if is_command else command


def _make(rest: Sequence[str]) -> Iterator[Argument]:
    for argument in rest:
        variable = _VARIABLE.fullmatch(argument)
        if variable:
            yield Argument(variable[1], hides=True)
        elif _MAKE_SWITCH.fullmatch(argument):
            yield Argument(argument)
        else:
            yield _if(_TARGET, argument)


def _script(rest: Sequence[str]) -> Iterator[Argument]:
    """Which file a shell reads; what it is told on its command line is not seen."""
    if rest:
        yield HIDDEN if rest[0].startswith("-") else _if(_PATH, rest[0])
    yield from (HIDDEN for _ in rest[1:])


def _wrapper(rest: Sequence[str]) -> Iterator[Argument]:
    """Of any other program only the `go` command that it is to run: `timeout 60 go build`."""
    for index, (program, command) in enumerate(pairwise(rest)):
        if _GO.fullmatch(program.rpartition("/")[2]) and command in _COMMANDS:
            yield from (HIDDEN for _ in rest[:index])
            yield from seen(rest[index:])
            return
    yield from (HIDDEN for _ in rest)
