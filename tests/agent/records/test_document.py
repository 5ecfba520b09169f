"""The document of one command; tests/test_records_schema.py has its schema."""

import stories


def test_lost_events():
    """Only what is gone is a loss, and only where it is not zero."""
    losses = {"seen": 9, "submitted": 7, "ring_full": 2, "map_full": 0, "pending": 3, "new": 1}

    assert stories.document(losses=losses).lost == {"ring_full": 2, "new": 1}


def test_records_stand_under_their_names():
    """Records are JSON under the field names of docs/records.md, `class` for a failure's cls."""
    found = stories.failures().to_json()

    assert found["requests"][0]["failure"]["class"] == "dns.nxdomain"
    assert found["processes"][0]["goproxy"][0] == {"url": "https://goproxy.corp", "fallback": ","}
