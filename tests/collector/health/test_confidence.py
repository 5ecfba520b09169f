"""How sure the collector is, and why not."""

from modpulse.collector.health.confidence import Seen, confidence


def said(*facts: int) -> tuple[str, str]:
    """The level and the words; facts are those of Seen, in order."""
    found = confidence(Seen(*facts))
    assert found
    return found.level, found.words


def test_it_falls_with_losses() -> None:
    """The more windows lost events the less is known, and hosts are counted in words."""
    values = [confidence(Seen(500, 90, lossy, 9, 3)) for lossy in (0, 30, 60, 90)]

    assert [v.level for v in values if v] == ["high", "medium", "low", "low"]
    assert sorted([v.value for v in values if v], reverse=True) == [v.value for v in values if v]
    assert said(500, 90, 60, 9, 3)[1] == "confidence low: 3 of 9 hosts lost events"


def test_few_requests_and_one_host() -> None:
    """Both are said, and what nothing speaks against is high without words."""
    assert said(4, 4, 0, 1, 0) == ("low", "confidence low: only 4 requests; one host alone asks")
    assert said(1, 1, 0, 2, 0) == ("low", "confidence low: only 1 request")
    assert said(500, 90, 0, 1, 0) == ("high", "confidence high: one host alone asks")
    assert said(500, 90, 0, 9, 0) == ("high", "")


def test_without_requests_nothing_is_said_to_be_sure_of() -> None:
    """No evidence is no low confidence: there is nothing to be sure of."""
    assert confidence(Seen(0, 0, 0, 9, 0)) is None
