"""What only the machine that asks can be the cause of."""

import pytest

from modpulse.agent.events.events import GoError
from modpulse.agent.tracker.localcause import told_local_cause


@pytest.mark.parametrize(
    ("text", "tail", "cls"),
    [
        ("-> unzip /a/b.zip: write /a", "write: no space left on device", "local.disk"),
        ("mkdir /a: permission denied", "", "local.permission"),
        ("open /a: no space left on device and more", "", None),
    ],
)
def test_local_causes_in_words(text: str, tail: str, cls: str | None) -> None:
    """An error that was made of another's words ends with libc's; the end of a long one is kept."""
    cause = told_local_cause(GoError(("*errors.errorString",), bytes(80), text, (), tail))

    assert (cause and cause.cls) == cls
