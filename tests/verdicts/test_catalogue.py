"""Rules of the catalogue itself."""

from collections import Counter

from modpulse.agent.records.failures import CLASSES

from .catalogue import KINDS, MEMBERS


def test_names_are_unique() -> None:
    """A member is found by its kind and name."""
    assert [name for name, count in Counter(m.id for m in MEMBERS).items() if count > 1] == []


def test_classes_exist() -> None:
    """An expected class is one that exists."""
    expected = {cls for member in MEMBERS for cls in member.cls.split("|") if cls}

    assert expected - set(CLASSES) == set()


def test_every_kind_has_members() -> None:
    """No kind is empty, and each member is told somewhere or is no failure."""
    assert all(kind.MEMBERS for kind in KINDS)
    untold = [m.id for m in MEMBERS if not m.cls and not m.section and m.exit_code]
    assert untold == []
