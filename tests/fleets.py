"""A small fleet for the tests of the simulator."""

from modpulse.collector.simulate.script import Script, parse

A, B = "https://a.example", "https://b.example"
FLEET = f"""
title = "test"
hours = 0.5
builds_per_hour = 60
build_seconds = 10
requests_per_build = 10
[[hosts]]
site = "ams"
count = 3
[[hosts]]
site = "fra"
count = 2
resolver = "198.51.100.53"
[[proxy]]
name = "{A}"
addresses = ["192.0.2.1", "192.0.2.2"]
[[proxy]]
name = "{B}"
miss_share = 0
"""


def script(*happenings: str, fleet: str = FLEET) -> Script:
    """Return a script in which these happen, each the keys of one."""
    tables = (
        f'[[happening]]\nname = "h{n}"\n{keys}\n' for n, keys in enumerate(happenings) if keys
    )
    return parse(fleet + "".join(tables))
