"""
Templates: a name and values in, HTML out. The only place that knows Jinja2.

Whatever a value holds is text: it is escaped wherever it is put, in HTML and in SVG. What is
missing in a template is an error, not an empty word.
"""

from collections.abc import Mapping
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined

from ..draw.bars import bars
from ..draw.chain import Entry, chain
from ..draw.interval import interval
from ..draw.sparkline import sparkline
from ..draw.stack import Part, stack
from ..health.reason import Language
from . import chinese, words
from .look import LANGUAGES

PICTURES = {
    "bars": bars, "chain": chain, "entry": Entry, "interval": interval, "part": Part,
    "sparkline": sparkline, "stack": stack,
}  # fmt: skip
"""As templates call what draws."""


class Templates:
    """In each language one set, compiled when first used."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        """
        Args:
            sources: Text of each template by its name.
        """
        self._names = tuple(sources)
        self._of = {language: _environment(sources, language) for language in LANGUAGES}

    def compile(self, language: Language) -> None:
        """Compile all of one language, which takes tenths of a second; may run beside others."""
        for name in self._names:
            self._of[language].get_template(name)

    def render(self, name: str, language: Language, /, **values: Any) -> str:
        """Return a template with its values."""
        return self._of[language].get_template(name).render(values)


def _environment(sources: Mapping[str, str], language: Language) -> Environment:
    made = Environment(
        loader=DictLoader(sources),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do", "jinja2.ext.i18n"],
        auto_reload=False,
    )
    spoken = _chinese if language == "zh" else _english
    # The extension adds it to what it extends: its types do not say so.
    made.install_gettext_callables(*spoken, newstyle=True)  # type: ignore[attr-defined]
    made.filters.update(words.FILTERS)
    made.globals.update(PICTURES)
    return made


def _said(text: str) -> str:
    return text


def _counted(one: str, many: str, n: int) -> str:
    return one if n == 1 else many


def _in_chinese(text: str) -> str:
    return chinese.WORDS.get(text, text)


def _counted_in_chinese(_: str, many: str, __: int) -> str:
    return _in_chinese(many)


_english = _said, _counted
_chinese = _in_chinese, _counted_in_chinese
