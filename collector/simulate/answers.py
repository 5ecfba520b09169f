"""
How a proxy answers one request, on an ordinary day and while something happens to it.

Pure. Times of a request are drawn from the build's own chance; whether something hits it is its own
luck, so that no request changes another's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from modpulse.agent.batch.batch import MISS, OK, SUSPECT
from modpulse.agent.service.units import NS

from .chance import GOLDEN, Chance
from .script import Happening, Proxy, Script, module_name
from .traffic import DAY_S, Ask

EPOCH_S = 1_767_571_200
"""When scripts begin: Monday 2026-01-05, 00:00 UTC, and `start_hour`."""
NO_ANSWER_S = {
    "dns.timeout": 10.0, "tcp.timeout": 30.0, "tls.timeout": 10.0, "http.stalled": 30.0,
    "http.body": 5.0,
}  # fmt: skip
"""How long these failures take to be known; others as long as an answer, or no time."""
STATUSES = {
    "http.5xx": 503, "http.429": 429, "http.4xx": 400, "http.redirect": 302, "http.body": 200,
    "http.content": 200, "checksum.gosum": 200, "checksum.sumdb": 200, "auth.401": 401,
    "auth.403": 403,
}  # fmt: skip
"""The status with which these failures come; others have none."""
BAD_LEAF = ("tls.expired", "tls.untrusted", "tls.hostname")
SUM_FAILURE = "checksum.gosum"
ZIP_BYTES, SMALL_BYTES = 200_000, 400


@dataclass(frozen=True, slots=True)
class Setup:
    """What the first request of a build to a proxy needs before it: None where it was not done."""

    resolve_ns: int | None
    connect_ns: int | None
    tls_ns: int | None
    leaf_end_s: int | None
    """When the certificate ends, seconds since 1970; None where none was shown."""
    failure: str | None
    """What was wrong with it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How one request ended."""

    outcome: str
    """`ok`, `miss`, `suspect` or a failure class."""
    status: int | None
    processing_ns: int | None
    transfer_ns: int | None
    elapsed_ns: int
    """Without the set-up."""
    body_bytes: int | None
    h1: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Which request of which proxy."""

    script: Script
    proxy: Proxy
    proxy_place: int
    address: str
    ask: Ask
    at_s: float


def happens(place: Place, kind: str, happenings: Sequence[Happening]) -> Happening | None:
    """Return what of this kind hits the request, of those that may hit its host."""
    for one in happenings:
        if one.kind == kind and _hits(one, place):
            return one
    return None


def _hits(one: Happening, place: Place) -> bool:
    script, ask = place.script, place.ask
    return (
        script.begin_s(one) <= place.at_s < script.over_s(one)
        and one.proxy in ("", place.proxy.name)
        and one.address in ("", place.address)
        and one.endpoint in ("", ask.endpoint)
        and (not one.module or one.module == module_name(ask.module))
        and ask.luck < one.share
    )


def leaf_end_s(place: Place, happenings: Sequence[Happening]) -> int:
    """Return when the certificate that the proxy shows now ends, seconds since 1970."""
    other = happens(place, "certificate", happenings)
    begin_s = EPOCH_S + place.script.start_hour * 3600
    if other is None:
        return round(begin_s + place.proxy.certificate_days * DAY_S)
    return round(begin_s + place.script.begin_s(other) + other.days * DAY_S)


def set_up(
    place: Place, happenings: Sequence[Happening], chance: Chance, failure: str | None
) -> Setup:
    """Return the set-up of a request that ends with this failure; None: with an answer."""
    proxy, root = place.proxy, (failure or "").partition(".")[0]
    if root == "dns":
        return Setup(None, None, None, None, failure)
    slow = happens(place, "slow_dns", happenings)
    resolve_ms = proxy.resolve_ms * (slow.factor if slow else 1.0)
    resolve_ns = _drawn(resolve_ms, proxy, chance)
    if root == "tcp":
        return Setup(resolve_ns, None, None, None, failure)
    connect_ns = _drawn(proxy.connect_ms, proxy, chance)
    if not proxy.name.startswith("https:"):
        return Setup(resolve_ns, connect_ns, None, None, None)
    end_s = leaf_end_s(place, happenings)
    if root == "tls":
        shown = end_s if failure in BAD_LEAF else None
        return Setup(resolve_ns, connect_ns, None, shown, failure)
    return Setup(resolve_ns, connect_ns, _drawn(proxy.tls_ms, proxy, chance), end_s, None)


def answer(place: Place, happenings: Sequence[Happening], chance: Chance) -> Answer:
    """Return how the request ends."""
    failure = failure_of(place, happenings)
    slowness = _slowness(place, happenings)
    processing_ns = _drawn(place.proxy.first_byte_ms * slowness, place.proxy, chance)
    transfer_ns = _drawn(place.proxy.transfer_ms * slowness, place.proxy, chance)
    if failure is not None:
        return _failed(place, failure, processing_ns)
    elapsed_ns = processing_ns + transfer_ns
    if is_missing(place) or happens(place, "missing", happenings):
        return Answer(MISS, 404, processing_ns, transfer_ns, elapsed_ns, None, None)
    if happens(place, "suspect", happenings):
        return Answer(SUSPECT, 404, processing_ns, transfer_ns, elapsed_ns, None, None)
    is_zip = place.ask.endpoint == "zip"
    size = ZIP_BYTES if is_zip else SMALL_BYTES
    h1 = sum_of(place.ask.module, 0) if is_zip else None
    return Answer(OK, 200, processing_ns, transfer_ns, elapsed_ns, size, h1)


def failure_of(place: Place, happenings: Sequence[Happening]) -> str | None:
    """Return the class with which the request fails; None: it is answered."""
    failing = happens(place, "fail", happenings)
    if failing is not None:
        return failing.failure
    if place.proxy.name.startswith("https:"):
        now_s = EPOCH_S + place.script.start_hour * 3600 + place.at_s
        if leaf_end_s(place, happenings) < now_s:
            return "tls.expired"
    if place.ask.endpoint == "zip" and happens(place, "changed_zip", happenings):
        return SUM_FAILURE
    # The other end of its luck: what happens to some and ordinary noise hit different ones. Turned
    # for each proxy: what fails at one by chance does not fail at the next.
    luck = (1 - place.ask.luck + GOLDEN * place.proxy_place) % 1
    return "http.5xx" if luck <= place.proxy.failure_share else None


def is_missing(place: Place) -> bool:
    """Whether the proxy does not have this module: the same on each day."""
    if place.ask.module >= place.script.modules:
        return True  # no proxy does
    key = (place.script.seed, 3, place.proxy_place, place.ask.module)
    return Chance(*key).unit() < place.proxy.miss_share


def sum_of(module: int, content: int) -> str:
    """Return the `h1:` sum of a module's zip; another for other contents."""
    chance = Chance(4, module, content)
    return f"h1:{chance.bits():016x}{chance.bits():016x}"


def _failed(place: Place, failure: str, processing_ns: int) -> Answer:
    status = STATUSES.get(failure)
    if failure in NO_ANSWER_S:
        elapsed_ns = round(NO_ANSWER_S[failure] * NS)
    else:
        elapsed_ns = processing_ns if status else NS // 1000
    h1 = sum_of(place.ask.module, 1) if failure == SUM_FAILURE else None
    seen_ns = processing_ns if status else None
    return Answer(failure, status, seen_ns, None, elapsed_ns, None, h1)


def _slowness(place: Place, happenings: Sequence[Happening]) -> float:
    slow = happens(place, "slow", happenings)
    factor = slow.factor if slow else 1.0
    drift = happens(place, "drift", happenings)
    if drift:
        script = place.script
        begin_s = script.begin_s(drift)
        gone = (place.at_s - begin_s) / (script.over_s(drift) - begin_s)
        factor *= 1 + gone * (drift.factor - 1)
    return factor


def _drawn(median_ms: float, proxy: Proxy, chance: Chance) -> int:
    return round(chance.lognormal(median_ms * 1e6, proxy.spread))
