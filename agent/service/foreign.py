"""
Words that others wrote, on their way out: without credentials, harmless to a terminal, bounded.

Go's errors, servers, certificates, command lines and variables fill records and logs. Whatever
leaves this program passes through `said` or `say` first; docs/limits.md has the table of places.
What cannot be told from a secret is one. Saying what was said changes nothing.
"""

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin
from urllib.parse import unquote

from .commandline import seen

_T = TypeVar("_T")
_NO_TEXT = (int, float, bool, bytes, NoneType)

MAX_SAID_CHARS = 1024
"""Of one word or sentence; the longest of use is a module path with its version."""
MAX_READ_CHARS = 8192
"""Of one text, before anything is taken out of it."""
MAX_HOST_CHARS = 255
"""RFC 1035 section 2.3.4."""

CUT = "…"
"""Stands for what was taken out, and at the end of what was cut."""

_MAX_KNOWN = 512
"""Texts of which it is remembered how they are said, 1 kB at most each, twice where it changed."""
_MAX_ROUNDS = 8
"""What is taken out may leave a new form of a credential behind."""

_PLAIN = re.compile(r"(?:https?://|sumdb:)?[A-Za-z0-9_.!+~/-]*(?::\d{1,5})?")
"""Names, paths, versions, proxies: nearly all that is ever said; no form of a credential."""
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[A-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c@]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-?A-~]"
)
"""ECMA-48: control sequences, control strings, other escapes; none that would take an `@`."""
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\ufe00-\ufe0f\U000e0000-\U000e0fff]"
)
"""Default ignorable code points that Python counts as printable."""

_SLASH = r"(?:\\?/)"
_START = (
    rf"(?:[a-z][a-z0-9+.-]{{0,30}}:{_SLASH}{{2,}}|(?:https?|socks5h?|wss?):{_SLASH}+"
    rf"|{_SLASH}{{2,}}(?=[^\s/\\]))"
)
_URL = re.compile(rf"(?i)(?<![a-z0-9+.\\/-]){_START}")
_NEXT_URL = re.compile(rf"(?i)[,|]\s*(?=[a-z][a-z0-9+.-]{{0,30}}:{_SLASH}{{2}})")
_ENCODED = re.compile(r"(?i)[a-z][a-z0-9+.-]{0,30}%(?:25){0,4}3a(?:%(?:25){0,4}2f)+[^\s\"`<>]*")
_MAX_ENCODINGS = 5

_GOES_ON = r"(?![\s,;:.)|\]}]|$)"
"""Behind a quote that is part of a password."""
_WORD = re.compile(
    rf"(?is)\"(?P<double>{_START}(?:\\.|[^\"\\]|\"{_GOES_ON})*)"
    rf"|'(?P<single>{_START}(?:[^']|'{_GOES_ON})*)|`(?P<back>{_START}(?:[^`]|`{_GOES_ON})*)"
    r"|(?P<word>(?:\\[\"`]|[^\s\"`<>])+)"
)
"""A URL in quotes, up to where they close; or a word."""

_IPV6 = r"\[(?=[^\]:]*:)[0-9A-Fa-f:.]{2,45}(?:%[\w.~%-]{1,64})?\]"
_HOST = rf"(?:{_IPV6}|{CUT}|[\w.~-]{{1,{MAX_HOST_CHARS}}}"
SERVER = re.compile(rf"{_HOST})(?::\d{{0,5}})?")
"""A host, as a name or an address, and a port."""
_SERVER = re.compile(rf"{_HOST}|(?=/|$))(?::\d{{1,5}}|:(?=/|$))?(?=[\\/,|;)}}\]'*]|[:.]?$)")
"""RFC 3986 section 3.2 without user info, and what may follow it in a list or a sentence."""
_OF_A_MODULE = re.compile(r"/@v/|/@latest\b|.@v\d+\.\d+\.\d+(?=[-+/,;:)'\\]|\.(?:info|mod|zip)|$)")
"""Where an `@` belongs to the module proxy protocol; begins at the character before it."""
_SERVER_ALONE = re.compile(rf"(?i)(?<![a-z0-9+.\\/-])({_START})[^/@]*\Z")
"""The end of a word: a URL without a path, which could go on behind a blank, a quote or a `<`."""
_VERSION = re.compile(
    r"@v\d+\.\d+\.\d+(?:[-+][\w.+!-]*)?(?=[\s/,;:.)\]}'\"`<>\\]|$)"
    r"|(?<=/)@v/|(?<=\S)@latest(?=[\s,;:)'\"`]|$)"
)
"""Where an `@` of a sentence is that of a module."""
_MARK = re.compile(r"(?i)[?#]|;(?=.)|\\(?:u00|x)(?:3f|23)|%(?:25){0,4}(?:3b|3f|23)")
"""Begins a query, a fragment or a path parameter; also escaped, as %q, JSON and URLs do."""
_ESCAPED_AT = re.compile(r"%(?:25){0,4}40")
_QUERY = re.compile(r"(?i)\?(?=\S{0,512}=)|(?<=/)\?(?=\S)|(?<=[^\s?])\?(?=[^\s?])|%(?:25){0,4}3f")
_PREFIX = re.compile(r"[(\[{'\\\"]*(?:-{1,2}[A-Za-z][\w-]*=|[A-Z_][A-Z0-9_]*=|[a-z]+_proxy=)?")
"""What may stand before a value in one word: brackets, `--option=`, `NAME=`."""
_PORT_END = re.compile(r"[\w.~-]+:\d+/?\Z")

_NAMES = r"(?:passw(?:or)?d|passphrase|pass(?![a-z])|(?<![a-z])p(?:wd|at)(?![a-z])|secret|token"
_NAMES += r"|(?:api|access|private|license)[-_]?key|art-api|credential|signature|auth(?![a-z]))"
_EQUALS = r"(?:=|%(?:25){0,4}3d)"
_HEADER = re.compile(r"(?im)\b((?:(?:proxy-)?authorization|(?:set-)?cookie2?)[\"']?\s*[:=])[^\n]*")
_SCHEME = re.compile(
    r"(?i)\b((?:basic|bearer|negotiate|ntlm|digest"
    r"|(?:token|api-?key)(?=\s+[^\s\"'`,;]*\d)(?=\s+[^\s\"'`,;]*[a-z]))\s+)[^\s\"'`,;]+"
)
"""RFC 9110 section 11.4; words of prose as well, where one with letters and digits follows."""
_OPTION = re.compile(r"((?<![\w-])(?:-[uU]|--(?:proxy-)?user)[\s=]*[^\s:/\"']+:(?!//))[^\s\"'`]+")
"""A user and a password, as curl takes them."""
_FIELD = re.compile(
    rf"(?i)({_NAMES}[\w-]{{0,32}}(?<![_-]file)[\"']?\s*{_EQUALS}\s*"
    rf"|(?:(?<![a-z])(?:pw|otp|pin|sig)|key)[\"']?{_EQUALS}"
    rf"|(?<!/){_NAMES}[\w-]{{0,32}}(?<![_-]file)[\"']?\s*:(?!\d{{1,5}}\b|[\\/])\s*)"
    r"(?:\"[^\"]*\"?|'[^']*'?|[^\s\"'&,;])+"
)
"""A name and its value; a path is none before a colon, nor a host before its port, nor is the name
of a file a secret."""
_TOKEN = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:gh[a-z]_|github_pat_|gl(?:pat|cbt|[dfipr]t{1,2}|imt|agent|soat)-|xox[a-z]-|xapp-|npm_|pypi-"
    r"|[prs]k[_-](?=[a-z\d_.-]{0,64}[A-Z])|hvs\.|dckr_pat_)(?=[A-Za-z_.-]{0,64}\d)[\w.-]{16,}"
    r"|A(?:KIA|SIA)[A-Z\d]{12,}|eyJ[\w-]{8,2048}\.[\w.-]+"
    r"|(?=[A-Za-z0-9]{20})(?=[A-Za-z]*\d[A-Za-z]*\d)(?=[a-z\d]*[A-Z])(?=[A-Z\d]*[a-z])[A-Za-z0-9]+"
    rf"|(?=[a-z\d]*[A-Z])(?=[A-Z\d]*[a-z])(?=[A-Za-z]*\d)[A-Za-z0-9]{{6,}}(?={CUT}\Z))"
    r"|-----BEGIN [A-Z ]{0,32}PRIVATE KEY.*"
)
"""Tokens by their form: letters of both cases and digits in a long row, as no name has them; those
that begin as their makers have it; the beginning of one at the end of what was cut."""


class Visible(NamedTuple):
    """From where to where a URL may be seen, behind its scheme."""

    start: int
    end: int


def say(text: str, max_chars: int = MAX_SAID_CHARS) -> str:
    """
    Return a foreign text as it may leave.

    URLs in it, also quoted, escaped, encoded or broken, have neither user info nor query nor
    fragment; words that look like credentials, and what steers a terminal, are gone.
    """
    return (_say_again if len(text) <= max_chars else _say)(text, max_chars)


def _say(text: str, max_chars: int) -> str:
    if len(text) <= max_chars and _PLAIN.fullmatch(text) and not _TOKEN.search(text):
        return text
    told = _say_once(text, max_chars)
    for _ in range(_MAX_ROUNDS):
        before, told = told, _say_once(told, max_chars)
        if told == before:
            break
    return told


_TEXTS = frozenset({str, type(None)})
_say_again = lru_cache(maxsize=_MAX_KNOWN)(_say)
"""The same modules are asked for again and again, of proxies that fail with the same words."""


def _say_once(text: str, max_chars: int) -> str:
    is_cut = len(text) > MAX_READ_CHARS or text.endswith(CUT)
    text = _legible(text[:MAX_READ_CHARS])
    text = _ENCODED.sub(_decoded, text)
    for pattern in (_HEADER, _SCHEME, _OPTION, _FIELD):
        text = pattern.sub(rf"\1{CUT}", text)
    text = _say_words(_TOKEN.sub(CUT, text), is_cut)
    if len(text) > max_chars:
        text = _say_words(text[: max_chars - len(CUT)] + CUT, is_cut=True)
    return text


def say_name(name: str, max_chars: int) -> str:
    """Return a foreign name as it may leave; of a long one begin and end, which tell two apart."""
    told = say(name)
    if len(told) <= max_chars:
        return told
    end = max_chars // 3
    return told[: max_chars - end - 1] + CUT + told[-end:]


def say_arguments(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return a command line as it may leave; `…` for what is not seen, whatever it is."""
    told: list[str] = []
    for text, hides in seen(arguments):
        shown = say(text) + CUT * hides
        if shown != CUT or told[-1:] != [CUT]:
            told.append(shown)
    return tuple(told)


def said(value: _T, kept: tuple[str, ...] = ()) -> _T:
    """
    Return a record, a document or any value with all its texts as they may leave.

    Args:
        value: Itself where nothing had to change.
        kept: Fields of it that go nowhere, left as they are.
    """
    told: Any = _said(value, kept)
    return told  # type: ignore[no-any-return]  # of the same type, field by field


def _said(value: Any, kept: tuple[str, ...] = ()) -> Any:
    cls: Any = type(value)
    if hasattr(cls, "__dataclass_fields__"):  # first: each record is one
        names, held_by = _text_fields(cls, kept)
        held = held_by(value)
        is_known = _TEXTS.issuperset(map(type, held)) and _leaves_as_it_is(held)
        return value if is_known else _said_by_fields(value, names)
    if isinstance(value, str):
        return say(value)
    if isinstance(value, tuple | list):
        return cls([_said(item) for item in value])
    if isinstance(value, Mapping):
        return {_said(name): _said(item) for name, item in value.items()}
    return value


@lru_cache(maxsize=_MAX_KNOWN)
def _leaves_as_it_is(texts: tuple[str | None, ...]) -> bool:
    return all(text is None or say(text) == text for text in texts)


def _said_by_fields(value: Any, names: tuple[str, ...]) -> Any:
    changed = {}
    for name in names:
        held = getattr(value, name)
        if not held:
            continue
        if isinstance(held, str):
            told: Any = say(held)
        else:
            told = say_arguments(held) if name in ("argv", "command") else _said(held)
        if told is not held and told != held:
            changed[name] = told
    return dataclasses.replace(value, **changed) if changed else value


@cache
def _text_fields(
    cls: Any, kept: tuple[str, ...]
) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    """Return the names of fields that may hold a foreign word, and what returns their values."""
    fields = (field for field in dataclasses.fields(cls) if field.name not in kept)
    names = tuple(field.name for field in fields if _may_be_text(field.type))
    if len(names) > 1:
        return names, attrgetter(*names)
    return names, lambda value: tuple(getattr(value, name) for name in names)


def _may_be_text(kind: Any) -> bool:
    """Whether values of an annotation can hold a foreign word: no number, and no word of ours."""
    if get_origin(kind) in (Union, UnionType):
        return any(_may_be_text(part) for part in get_args(kind))
    return get_origin(kind) is not Literal and kind not in _NO_TEXT


def visible(url: str, is_cut: bool = False) -> Visible | None:
    """
    Say what may be seen of a URL.

    Passwords may hold any character, as users write them: the last `@` ends them, but for those
    of module versions.

    Args:
        url: What follows its scheme; or an authority alone.
        is_cut: More followed it once.

    Returns:
        None where what is server and what is secret cannot be told.
    """
    at = _last_at(url)
    mark = _mark(url, 0)
    if at > mark:
        before = url[:mark]
        if _SERVER.match(before, _last_at(before) + 1):
            return None  # a query with an `@` in it, or a password with a `?`
        mark = _mark(url, at + 1)
    shown = url[at + 1 : mark]
    if not _SERVER.match(shown):
        return None
    if is_cut and at < 0 and "." not in re.split(r"[/:]", shown)[0]:
        return None  # it could be the beginning of a user's name and password
    if is_cut and at < 0 and mark == len(url) and "/" not in shown:
        return None
    if _ESCAPED_AT.search(shown):
        mark = url.find("/", at + 1)  # user info in a path, or what follows it: neither is told
    return Visible(at + 1, mark)


def credentials(text: str) -> Iterator[tuple[int, int]]:
    """Yield from where to where a text has a token by its form, or the value of a secret's name."""
    yield from (found.span() for found in _TOKEN.finditer(text))
    yield from ((found.end(1), found.end()) for found in _FIELD.finditer(text))


def _last_at(url: str) -> int:
    """Return where the last `@` is that ends user info; -1 without one."""
    at = len(url)
    while (at := url.rfind("@", 0, at)) >= 0:
        if at == 0 or not _OF_A_MODULE.match(url, at - 1):
            break
    return at


def _mark(url: str, start: int) -> int:
    found = _MARK.search(url, start)
    return found.start() if found else len(url)


def _legible(text: str) -> str:
    """Take out what moves a cursor, hides or reorders text, or cannot be encoded."""
    if text.isascii() and text.isprintable():
        return text
    text = _INVISIBLE.sub("", _SEQUENCE.sub("", text))
    return "".join(char if char.isprintable() else _replacement(char) for char in text)


def _replacement(char: str) -> str:
    if char in "\t\n\r" or (char.isspace() and ord(char) > 0x9F):
        return " "
    return "\N{REPLACEMENT CHARACTER}" if "\ud800" <= char <= "\udfff" else ""


def _decoded(match: re.Match[str]) -> str:
    """Read a URL that was encoded to be a part of another."""
    text = match[0]
    for _ in range(_MAX_ENCODINGS):
        text = unquote(text)
    if _ENCODED.search(text):
        return CUT
    return _say_words(_legible(text).replace(" ", ""), is_cut=False)


def _say_words(text: str, is_cut: bool) -> str:
    told: list[str] = []
    at = 0
    while match := _WORD.search(text, at):
        quoted = match["double"] or match["single"] or match["back"]
        start = match.start() + bool(quoted)
        word = quoted or match["word"]
        ends_cut = is_cut and match.end() >= len(text) - len(CUT)
        shown, is_open = _say_word(word, ends_cut)
        if quoted and word.endswith(":") and "@" not in word:
            # No server ends so: a quote of its password closed it.
            found = _URL.match(word)
            shown, is_open = word[: found.end() if found else 0] + CUT, True
        end = _end_of_user_info(text, match.end()) if is_open else None
        may_go_on = not (is_open or quoted) and "/" in word and (is_cut or "@" in text)
        if may_go_on and (alone := _SERVER_ALONE.search(word)):
            following = _URL.search(text, match.end())
            end = _end_of_user_info(text, match.end(), following.start() if following else None)
            # What was cut may have had an `@`; a host with a dot is taken for one.
            is_open = is_cut and following is None and "." not in alone[0]
            if is_open or end is not None:
                shown = word[: alone.end(1)] + CUT
        if end is not None:
            # A password with a blank or a quote in it: it goes on to the next `@`.
            text = text[:start] + shown.removesuffix(CUT) + text[end:]
            continue
        told += text[at:start], shown
        if is_open and is_cut:
            return "".join(told)
        at = match.end()
    return "".join(told) + text[at:]


def _end_of_user_info(text: str, start: int, limit: int | None = None) -> int | None:
    while (at := text.find("@", start, limit)) >= 0:
        if not _VERSION.match(text, at):
            return at + 1
        start = at + 1
    return None


def _say_word(word: str, is_cut: bool) -> tuple[str, bool]:
    """Return what may be said of one word, and whether it ends within user info."""
    if not is_cut and not any(mark in word for mark in "@?/%"):
        return word, False
    match = _URL.search(word)
    query = _QUERY.search(word)
    if match is None:
        return _say_bare(word), False
    if query and query.start() < match.start():
        return _say_bare(word[: query.start()]), False
    before, url = word[: match.end()], word[match.end() :]
    prefix = _say_bare(before[: match.start()]) + before[match.start() :]
    more = ""
    following = _NEXT_URL.search(url)
    is_open = False
    if following and _mark(url, 0) > following.start():
        more, is_open = _say_word(url[following.end() :], is_cut)
        more = url[following.start()] + more
        url, is_cut = url[: following.start()], False
    seen = visible(url, is_cut)
    if seen is None:
        return prefix + CUT + more, is_open or "@" not in url
    # A backslash that escaped what is gone would escape what follows.
    return prefix + url[seen.start : seen.end].rstrip("\\") + more, is_open


def _say_bare(word: str) -> str:
    """Say a word without a URL: it may still have user info or a query."""
    found = _PREFIX.match(word)
    start = found.end() if found else 0
    prefix, value = word[:start], word[start:]
    at = _last_at(value)
    if at >= 0 and (":" in value[:at] or _PORT_END.match(value, at + 1)):
        seen = visible(value)
        return prefix + (CUT if seen is None else value[seen.start : seen.end].rstrip("\\"))
    query = _QUERY.search(value)
    return prefix + (value[: query.start()].rstrip("\\") if query else value)
