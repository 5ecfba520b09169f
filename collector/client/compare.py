"""
`modpulse compare`: two mirrors side by side, as text.

Pure: the time is an argument. What makes no sense in the document is absent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .answer import counts, items, mapping, moment, number, text, word
from .status import ABSENT
from .table import aligned

MAX_ROWS_READ = 256
"""Of a comparison: more than sixteen endpoints and all phases make."""
MAX_NAMED = 4
"""Addresses and sites that are named; how many more there are is said."""
SPEED = ("p95", "p50", "p99")
"""Percentiles in the order in which they are told."""
DAY_S = 86_400
FACTOR = 2.0
"""From here on per cent are hard to read."""
PHASES = {
    "first_byte": "first byte of list, info and mod",
    "resolve": "DNS lookup",
    "connect": "TCP connect",
    "tls": "TLS handshake",
    "verify": "certificate verified",
    "processing": "from request to first byte",
    "transfer": "from first byte to last",
}

CIRCUMSTANCES = {
    "in_flight_1": "1 to 4 in flight",
    "in_flight_5": "5 to 16 in flight",
    "in_flight_17": "17 to 64 in flight",
    "in_flight_65": "65 and more in flight",
    "fetch_first": "first fetch of a host",
    "fetch_again": "repeated fetch",
}
"""What a batch calls them, in their order."""


@dataclass(frozen=True, slots=True)
class Value:
    """Of one mirror, with its interval."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is compared."""

    kind: str
    endpoint: str | None
    circumstance: str | None
    phase: str | None
    a: Value | None
    b: Value | None
    difference: float | None
    low: float | None
    high: float | None
    verdict: str

    @property
    def part(self) -> str | None:
        """Of which requests; None: of all."""
        return self.endpoint or self.circumstance

    @property
    def is_share(self) -> bool:
        """Else a percentile."""
        return self.kind in ("success", "misses")


def render(document: Mapping[str, Any], now: datetime, wide: bool) -> str:
    """
    Return what is to be known of both.

    Args:
        document: Of GET /api/v1/compare, or any other.
        now: For how long certificates last.
        wide: Of endpoints, of what was beside requests and of phases not p95 alone.
    """
    a, b = mapping(document.get("a")), mapping(document.get("b"))
    together = mapping(document.get("together"))
    lines = [_line(mapping(row)) for row in items(document.get("compare"))[:MAX_ROWS_READ]]
    parts = [
        *_told(lines, bool(number(together.get("periods")))),
        "",
        f"A is {text(a.get('proxy')) or ABSENT}",
        f"B is {text(b.get('proxy')) or ABSENT}",
        *_when(document, together),
        "",
        *_table([line for line in lines if wide or _matters(line)]),
        *_columns([("EACH ALONE", "A", "B"), *_facts(a, b, document, now)]),
        *_notes(a, b, document, lines),
    ]
    return "\n".join(parts) + "\n"


def _line(row: Mapping[str, Any]) -> Line:
    return Line(
        kind=word(row.get("kind")) or ABSENT,
        endpoint=word(row.get("endpoint")),
        circumstance=word(row.get("circumstance")),
        phase=word(row.get("phase")),
        a=_value(mapping(row.get("a"))),
        b=_value(mapping(row.get("b"))),
        difference=number(row.get("difference")),
        low=number(row.get("low")),
        high=number(row.get("high")),
        verdict=word(row.get("verdict")) or "unknown",
    )


def _value(value: Mapping[str, Any]) -> Value | None:
    known = number(value.get("value"))
    if known is None:
        return None
    return Value(known, number(value.get("low")), number(value.get("high")))


def _told(lines: Sequence[Line], are_matched: bool) -> list[str]:
    """Return what matters most, in two sentences."""
    of_all = [line for line in lines if line.part is None and line.a and line.b]
    timed = {line.kind: line for line in of_all if line.phase == "first_byte"}
    rows = [timed[kind] for kind in SPEED if kind in timed]
    # What surely differs is told before what may be chance.
    rows.sort(key=lambda line: line.verdict not in ("lower", "higher"))
    success = (line for line in of_all if line.kind == "success")
    told = [*map(_speed, rows[:1]), *map(_success, success)]
    if not told and are_matched:
        return ["At the same hours and sites A and B answered nothing that can be compared."]
    return told or ["A and B were never asked at the same hours from the same site."]


def _speed(line: Line) -> str:
    of = "list, info and mod at the same hours and sites"
    where = f"{line.kind} to first byte of {of}, {_both(line)}"
    ratio = line.difference
    if line.verdict in ("lower", "higher") and ratio is not None:
        return f"B answers {_faster(ratio)}: {where}."
    if line.verdict == "alike":
        return f"B is as fast as A, as far as can be told: {where}."
    return f"Too little was seen to tell which is faster: {where}."


def _success(line: Line) -> str:
    words = {
        "higher": "B fails less often",
        "lower": "B fails more often",
        "alike": "B fails as often as A, as far as can be told",
    }
    told = words.get(line.verdict, "Too little was seen to tell which fails more often")
    return f"{told}: {_both(line, of_failures=True)}."


def _both(line: Line, of_failures: bool = False) -> str:
    """Return the value of B against that of A."""
    values = [0.0 if each is None else each.value for each in (line.b, line.a)]
    shown = [_share(1 - value) if of_failures else _time(value) for value in values]
    return f"{shown[0]} against {shown[1]}"


def _faster(ratio: float) -> str:
    if ratio >= FACTOR:
        return f"{ratio:.3g} times as slow"
    return f"{abs(1 - ratio):.0%} {'faster' if ratio < 1 else 'slower'}"


def _when(document: Mapping[str, Any], together: Mapping[str, Any]) -> list[str]:
    since, until = moment(document.get("since")), moment(document.get("until"))
    when = f"{since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC" if since and until else ABSENT
    periods, unit = number(together.get("periods")), _unit(together)
    if not periods:
        return [when]
    of_a, of_b = (_count(number(together.get(key))) for key in ("requests_a", "requests_b"))
    sites = [text(site) or "no site" for site in items(together.get("sites"))]
    named = _named([site for site in sites if site])
    return [
        when,
        f"Both were asked in {_count(periods)} {unit}s from {named}: {of_a} requests of A, {of_b} "
        "of B.",
    ]


def _matters(line: Line) -> bool:
    """Whether it is shown to who asks for no more: of parts p95, and what is told of failures."""
    is_of_all = line.part is None and line.phase in (None, "first_byte")
    is_told = line.kind == "success" and line.verdict in ("higher", "lower")
    is_load = line.kind == "success" and line.circumstance is not None
    return is_of_all or line.kind == "p95" or is_told or is_load


def _table(lines: Sequence[Line]) -> list[str]:
    rows: list[tuple[str, ...]] = []
    heading: str | None = None
    for line in sorted(lines, key=_order):
        if line.a is None or line.b is None:
            continue
        if heading != (heading := _heading(line)):
            rows.append((heading, "", "", ""))
        rows.append((f"  {_name(line)}", _cell(line, line.a), _cell(line, line.b), _against(line)))
    if not rows:
        return []
    return [*aligned([("AT THE SAME HOURS", "A", "B", "B AGAINST A"), *rows]), ""]


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Words to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _heading(line: Line) -> str:
    if line.endpoint is not None:
        return "by endpoint"
    if line.circumstance is not None:
        return "by what was beside"
    return "all requests" if line.phase in (None, "first_byte") else "by phase"


def _name(line: Line) -> str:
    what = {"success": "success", "misses": "not found"}.get(line.kind)
    of = CIRCUMSTANCES.get(line.part or "", line.part)
    if line.phase is not None:
        phase = PHASES.get(line.phase, line.phase)
        what = f"{line.kind} to first byte" if line.phase == "first_byte" else line.kind
        of = of if line.part or line.phase == "first_byte" else phase
    return f"{of}, {what}" if of else what or ABSENT


def _order(line: Line) -> tuple[int, str]:
    """All requests first, then each endpoint and circumstance, then phases, as they come."""
    if line.endpoint is not None:
        return 2, line.endpoint
    if line.circumstance is not None:
        known = [*CIRCUMSTANCES]
        at = known.index(line.circumstance) if line.circumstance in known else len(known)
        return 3, f"{at:03}{line.circumstance}"
    return (0 if line.is_share else 1 if line.phase == "first_byte" else 4), ""


def _cell(line: Line, value: Value) -> str:
    shown = _share if line.is_share else _time
    middle = shown(value.value)
    if value.low is None or value.high is None:
        return middle
    low, high = shown(value.low), shown(value.high)
    if _unit_of(low) == _unit_of(middle) == _unit_of(high):
        low, high = low.rstrip("% ms"), high.rstrip("% ms")
    return f"{middle} ({low} to {high})"


def _unit_of(text: str) -> str:
    return text.lstrip("0123456789.")


def _against(line: Line) -> str:
    if line.verdict not in ("higher", "lower") or line.difference is None:
        return "may be chance" if line.verdict == "alike" else "unknown"
    if line.is_share:
        return f"{100 * line.difference:+.2g} points"
    return _faster(line.difference)


def _facts(
    a: Mapping[str, Any], b: Mapping[str, Any], document: Mapping[str, Any], now: datetime
) -> list[tuple[str, ...]]:
    unit, firsts = _unit(mapping(document.get("together"))), mapping(document.get("firsts"))
    both = (a, b)
    return [
        ("requests", *(_count(number(one.get("requests"))) for one in both)),
        (f"asked in so many {unit}s", *(_count(number(one.get("periods"))) for one in both)),
        ("from sites", *(_sites(one) for one in both)),
        ("failures", *(_failures(one) for one in both)),
        ("certificate ends in", *(_certificate(one, now) for one in both)),
        ("addresses", *(_addresses(one) for one in both)),
        ("smallest TTL of DNS", *(_ttl(one.get("min_ttl_s")) for one in both)),
        ("versions seen here first", *_first(firsts, "versions")),
        ("modules that the other has not", *_first(firsts, "modules")),
        ("passes the checksum database on", *(_yes(one.get("serves_sumdb")) for one in both)),
        ("a download gets", *(_rate(one.get("transfer_bytes_per_second")) for one in both)),
        (f"in its busiest {unit}", *(_rate(one.get("most_bytes_per_second")) for one in both)),
        (f"modules in its busiest {unit}", *(_zips(one) for one in both)),
        ("fell through to the next", *(_fell(one) for one in both)),
        ("commands stopped", *(_count(number(one.get("commands_stopped"))) for one in both)),
    ]


def _sites(one: Mapping[str, Any]) -> str:
    return _named([name or "no site" for name in counts(one.get("sites"))])


def _failures(one: Mapping[str, Any]) -> str:
    return _named([f"{name} {count:,.0f}" for name, count in counts(one.get("failures")).items()])


def _addresses(one: Mapping[str, Any]) -> str:
    return _named([name for item in items(one.get("addresses")) if (name := text(item))])


def _named(names: Sequence[str]) -> str:
    more = len(names) - MAX_NAMED
    shown = ", ".join(names[:MAX_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown or ABSENT


def _certificate(one: Mapping[str, Any], now: datetime) -> str:
    ends_s = number(one.get("certificate_not_after_s"))
    return "not seen" if ends_s is None else f"{(ends_s - now.timestamp()) / DAY_S:,.0f} days"


def _ttl(value: Any) -> str:
    ttl_s = number(value)
    return "not seen" if ttl_s is None else f"{ttl_s:,.0f} s"


def _first(firsts: Mapping[str, Any], what: str) -> list[str]:
    known = [number(firsts.get(f"{what}_{side}")) for side in ("a", "b")]
    return ["not seen" if count is None else f"{count:,.0f}" for count in known]


def _yes(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else "not seen"


def _rate(value: Any) -> str:
    rate = number(value)
    if rate is None:
        return "not seen"
    return f"{rate / 1e6:,.3g} MB/s" if rate >= 1e5 else f"{rate / 1e3:,.3g} kB/s"


def _zips(one: Mapping[str, Any]) -> str:
    rate = number(one.get("most_zips_per_second"))
    return "not seen" if rate is None else f"{rate:,.2g}/s"


def _fell(one: Mapping[str, Any]) -> str:
    times, took_ms = number(one.get("fallbacks")), number(one.get("fallback_ms"))
    if not times or took_ms is None:
        return _count(times)
    return f"{times:,.0f} times, {_time(took_ms / times)} each"


def _notes(
    a: Mapping[str, Any], b: Mapping[str, Any], document: Mapping[str, Any], lines: Sequence[Line]
) -> list[str]:
    told = [word(note) for note in items(document.get("notes"))]
    notes = []
    if any(line.verdict == "unknown" and line.a for line in lines):
        notes.append("unknown: too little was seen at the same hours.")
    if "apart" in told:
        apart = number(mapping(document.get("together")).get("sites_apart")) or 0.0
        notes.append(
            f"{apart:.0%} of the requests of an hour came from other sites to A than to B: "
            "endpoints and phases, which are not kept by site, are not judged."
        )
    for note, name, other, one, another in (
        ("after_a", "A", "B", a, b),
        ("after_b", "B", "A", b, a),
    ):
        if note in told:
            fell, requests = number(one.get("fallbacks")), number(another.get("requests"))
            notes.append(
                f"{name} was left {_count(fell)} times for the next entry, {other} was asked "
                f"{_count(requests)} times: it may be asked for what {name} has not."
            )
    return ["", *notes] if notes else []


def _unit(together: Mapping[str, Any]) -> str:
    return "minute" if number(together.get("period_s")) == 60 else "hour"


def _share(value: float) -> str:
    percent = 100 * max(0.0, min(1.0, value))
    return f"{percent:.2f}%" if 0 < percent < 10 or 90 < percent < 100 else f"{percent:.3g}%"


def _time(value_ms: float) -> str:
    if value_ms >= 1000:
        return f"{value_ms / 1000:.2f} s"
    return f"{value_ms:.0f} ms" if value_ms >= 10 else f"{value_ms:.2g} ms"


def _count(value: float | None) -> str:
    return ABSENT if value is None else f"{value:,.0f}"
