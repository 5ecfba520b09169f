"""What tests of the page need: its templates, and one more."""

from modpulse.collector.page import files
from modpulse.collector.page.environment import Templates

SOURCES = files.templates()


def with_template(source: str) -> Templates:
    """The page's templates with one named `it`."""
    return Templates(SOURCES | {"it": source})
