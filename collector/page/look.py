"""
In which language and theme somebody reads: as they chose, else as their browser says. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from ..health.reason import Language

Theme = Literal["", "light", "dark"]
"""Empty: as the reader's system has it."""
LANGUAGES: tuple[Language, ...] = get_args(Language)
THEMES: tuple[Theme, ...] = get_args(Theme)
COOKIE = "modpulse_look"


@dataclass(frozen=True, slots=True)
class Look:
    """How a page is shown."""

    language: Language
    theme: Theme

    @property
    def cookie(self) -> str:
        """The value that `look_of` reads."""
        return f"{self.language}.{self.theme}"


def look_of(cookies: Mapping[str, str], accept_language: str) -> Look:
    """
    Return how somebody reads.

    Args:
        cookies: By name.
        accept_language: Of the request, RFC 9110 section 12.5.4.
    """
    language, _, theme = cookies.get(COOKIE, "").partition(".")
    if language not in LANGUAGES:
        language = _preferred(accept_language)
    return chosen(language, theme)


def chosen(language: str, theme: str) -> Look:
    """Return what was chosen; what makes no sense is left to the browser."""
    return Look(
        language if language in LANGUAGES else LANGUAGES[0],
        theme if theme in THEMES else "",
    )


def cookies_of(header: bytes) -> dict[str, str]:
    """Return the cookies of a request; of one that comes twice the first (RFC 6265 section 5.4)."""
    found: dict[str, str] = {}
    for part in header.decode("latin-1").split(";"):
        name, equals, value = part.strip().partition("=")
        if equals:
            found.setdefault(name, value)
    return found


def _preferred(accept_language: str) -> Language:
    best: tuple[float, Language] = (0.0, LANGUAGES[0])
    for weight, tag in _weighed(accept_language):
        found = next((one for one in LANGUAGES if tag == one or tag.startswith(f"{one}-")), None)
        if found and weight > best[0]:
            best = weight, found
    return best[1]


def _weighed(accept_language: str) -> Iterator[tuple[float, str]]:
    for part in accept_language.split(","):
        tag, _, weight = part.partition(";")
        try:
            value = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        yield value, tag.strip().lower()
