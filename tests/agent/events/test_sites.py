"""One fact has one name on its way from a probe to the process that it belongs to."""

import re
from pathlib import Path

import pytest

from modpulse.agent.events import events
from modpulse.agent.events.sites import Site
from modpulse.agent.kernel.decode import _GO as DECODERS
from modpulse.agent.tracker.handlers import HANDLERS

SWITCH = Path(__file__).parents[3] / "bpf" / "probe.bpf.c"
OF_MANY = {"error", "plain"}
"""Functions in C of sites that tell the same, or nothing but that they were passed."""
CONTENT = {
    Site.READ_REMOTE_FAILED,
    Site.CHECK_SUM_DB_FAILED,
    Site.DOWNLOAD_ZIP_FAILED,
    Site.UNZIP_FAILED,
}
"""Sites whose event has the site in it."""


def event_of(site: Site) -> type[events.GoEvent]:
    name = "CONTENT_FAILED" if site in CONTENT else site.name
    return getattr(events, "".join(word.title() for word in name.split("_")))


@pytest.mark.parametrize("site", Site, ids=lambda site: site.name)
def test_a_site_its_decoder_its_event_and_its_handler(site: Site) -> None:
    """They are called alike, each as its kind is written."""
    name = "content_failed" if site in CONTENT else site.name.lower()

    assert HANDLERS[event_of(site)].__name__.removeprefix("_") == name
    assert site in CONTENT or DECODERS[site].__name__ == f"_{name}"


def test_a_site_and_its_function_in_c() -> None:
    """The one that a site alone has is called like it."""
    cases = re.findall(r"case SITE_(\w+):\n\t\treturn go_(\w+)\(hit\);", SWITCH.read_text())

    assert len(cases) > len(Site) / 2
    assert [(site, name) for site, name in cases if name not in OF_MANY] == [
        (site, site.lower()) for site, name in cases if name not in OF_MANY
    ]
