"""Thirty quiet days of two hundred hosts with ordinary noise: false alarms, notices, batches/s."""

from dataclasses import replace

from modpulse.collector.config import Config
from modpulse.collector.simulate.compare import compare
from modpulse.collector.simulate.drive import load, play
from modpulse.collector.simulate.script import Happening

from .report import line

DAYS = 30
MIDDLE_MINUTES = DAYS * 24 * 60 / 2


def main() -> None:
    """Print figures; an hour, or half as much again on a machine that has other work."""
    restart = Happening(
        name="restart", kind="restart", begin_minutes=MIDDLE_MINUTES, end_minutes=MIDDLE_MINUTES + 1
    )
    script = replace(load("quiet")[1], hours=24.0 * DAYS, start_hour=0.0, happening=(restart,))
    played = play(script, Config())
    alarms = compare(script, played.said).false_alarms
    for state in ("down", "degraded"):
        found = [alarm for alarm in alarms if alarm.saying.state == state]
        line(f"false `{state}` in {DAYS} days, a restart in the middle", len(found), "0")
        for alarm in found[:5]:
            line(f"  {alarm.proxy} at {alarm.at_s / 3600:.1f} h", "; ".join(alarm.saying.evidence))
    for severity in ("P0", "P1", "P2"):
        # Of closed ones the last hundred are known.
        made = [one for one in played.made if one.severity == severity]
        line(f"incidents {severity} in {DAYS} days, at most 100 known", len(made), "0")
        for one in made[:5]:
            words = f"{' and '.join(one.rules)} of {' and '.join(one.proxies) or one.topic}"
            line(f"  at {one.opened_s / 3600:.1f} h", words)
    line("seconds a day takes", f"{played.took_s / DAYS:.1f}")
    rate = played.batches / played.took_s
    line("batches", f"{played.batches} in {played.took_s:.0f} s, {rate:.0f}/s")
