"""Rules of what is rolled up later: nothing is lost or counted twice, whenever the power goes."""

import random
from pathlib import Path

from collectors import Collector
from kills import Shipper, counted, finished, killed

KILLS = 20


def test_kills_under_load(collector: Collector) -> None:
    """Twenty kills at any moment: each acknowledged batch is in the history exactly once."""
    collector.keys["window_seconds"] = 1
    shippers = [Shipper(number) for number in range(8)]
    killed(collector, KILLS, shippers, random.Random(7))
    collector.start()
    taken = finished(collector, shippers)
    collector.stop()

    assert taken > KILLS
    assert counted(Path(str(collector.keys["database"]))) == taken
