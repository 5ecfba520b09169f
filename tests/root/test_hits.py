"""What the probes cost is how often they are hit: a budget that no change may exceed unseen."""

from pathlib import Path

import pytest
from bench.hits import BUDGET, REAL, download, nginx
from conftest import needs
from eyes import Eyes
from lab import servers
from lab.lab import Lab
from lab.workload import REQUEST_COUNT, workload

pytestmark = pytest.mark.root


@pytest.mark.parametrize("version", REAL)
def test_hits_per_request(version: str, lab: Lab, eyes: Eyes) -> None:
    """On the real workload a request costs at most BUDGET hits, filtered ones included."""
    needs(Path(servers.NGINX).exists(), "nginx")
    tree = workload()
    with nginx(lab, version, tree) as proxy:
        hits = download(lab, eyes, tree, proxy)

    assert hits.requests == REQUEST_COUNT
    assert hits.per_request <= BUDGET
    assert hits.by_event["WebGet"] == REQUEST_COUNT
    assert hits.by_event["RoundTripDone"] == REQUEST_COUNT
