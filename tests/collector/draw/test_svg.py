"""Rules of what pictures are made of."""

from hypothesis import given
from pictures import PLANTED, checked, links, names, numbers

from modpulse.collector.draw.svg import MOST_CHARS, boxed, linked, stretched, tag


@given(names, numbers, links)
def test_nothing_escapes(name: str, number: float, link: str | None) -> None:
    """Any name, number or link gives a picture that keeps to the rules."""
    box = tag("rect", x=0, y=0, width=1, height=1, class_=name, data_number=number)
    text = boxed(0, 0, 1, 1, name, name)
    checked(stretched(1, 1, name, (linked(link, name, box), text), kind=name))


def test_words_stay_words() -> None:
    """What looks like markup is read as it was written, as far as XML can say it."""
    for planted in PLANTED:
        root = checked(stretched(1, 1, planted, (), kind="x"))
        said = root[0].text or ""
        assert len(said) <= MOST_CHARS
        assert said[:5].replace("\ufffd", "?") == "".join(
            "?" if char in "\x00\x1b\ud800\uffff" else char for char in planted[:5]
        )


def test_a_link_leaves_this_site_never() -> None:
    """Only what begins as a path of ours, a query or a fragment is followed."""
    for link in ("javascript:alert(1)", "//evil.example", "/\\evil.example", "http://x", " /x", ""):
        assert "<a " not in linked(link, "x", tag("rect"))
    for link in ("/proxy", "?day=1", "#x", "/"):
        assert f'href="{link}"' in linked(link, "x", tag("rect"))


def test_what_can_be_followed_is_no_image() -> None:
    """A picture with links is a group: an image would hide them."""
    link = linked("/x", "x", tag("rect", width=1, height=1))

    assert checked(stretched(1, 1, "x", (link,), kind="x")).get("role") == "group"
    assert checked(stretched(1, 1, "<a href", (), kind="x")).get("role") == "img"
