"""
Which sightings of a batch are taken: each bound in turn, and who met it.

Pure. Whoever has been heard for a while, and what is held already, comes before what is new.
"""

from collections import Counter
from collections.abc import Mapping

from ..intake.arrival import KNOWN, Arrival, Sighting
from .held import Held, Room
from .roster import Roster, Who

MAX_CALLERS = 1_000
"""Tokens and certificates whose share of what was dropped is told; the others' is one number."""
OTHERS = "others"


class Admission:
    """To the proxies and agents of one fleet."""

    def __init__(self, proxies: Held, roster: Roster, overflow: Counter[str]) -> None:
        """
        Args:
            proxies: Those that are held.
            roster: The agents that are.
            overflow: Where what a bound cost is counted.
        """
        self._proxies, self._roster, self._overflow = proxies, roster, overflow
        self.dropped_of: Counter[str] = Counter()
        """Sightings of these that were not taken, by who shipped them: a token, a certificate."""

    def admit(self, arrival: Arrival, kept_ns: int) -> tuple[Arrival, Mapping[str, str | None]]:
        """
        Leave out what is beyond a bound, and count it.

        Args:
            arrival: Which is changed.
            kept_ns: What is older when it comes is not taken.

        Returns:
            The batch; and for each new proxy the one that goes for it, or None.
        """
        who, roster = Who(arrival.caller, arrival.agent_id), self._roster
        is_known = roster.is_known(who, arrival.arrived_ns)
        if (
            arrival.arrived_ns - arrival.end_ns <= kept_ns
            and roster.asks(who, arrival.sightings)
            and all(sighting.proxy in self._proxies for sighting in arrival.sightings)
        ):
            # As nearly always: nothing in it is new.
            if is_known != arrival.is_known:
                arrival.is_known = is_known
                arrival.taken = (1 << len(arrival.sightings)) - 1 | (KNOWN if is_known else 0)
            return arrival, {}
        names = (sighting.proxy for sighting in arrival.sightings)
        room = Room(self._proxies, arrival.caller, is_known, names)
        admitted: list[Sighting] = []
        taken = KNOWN if is_known else 0
        for place, sighting in enumerate(arrival.sightings):
            bound = roster.barred(who, sighting.proxy, len(admitted), is_known)
            if arrival.arrived_ns - arrival.end_ns > kept_ns:
                bound = "hour_retention_days"
            elif bound is None and not room.take(sighting.proxy):
                bound = "MAX_PROXIES"
            if bound is None:
                admitted.append(sighting)
                taken |= 1 << place
            else:
                self.drop(bound, arrival.caller)
        if len(admitted) < len(arrival.sightings) or is_known != arrival.is_known:
            arrival.sightings, arrival.is_known = tuple(admitted), is_known
            arrival.taken = taken
        return arrival, room.instead

    def drop(self, bound: str, caller: str) -> None:
        """Count one sighting that was not taken."""
        self._overflow[bound] += 1
        is_told = caller in self.dropped_of or len(self.dropped_of) < MAX_CALLERS
        self.dropped_of[caller if is_told else OTHERS] += 1
