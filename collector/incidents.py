"""
What the service knows of incidents: where they stand, and what a step would change.

Nothing here is kept: the service writes what a step changed, and then lets it stand.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from modpulse.agent.service.units import NS

from .alerts.counted import Counted
from .alerts.incident import Incident
from .alerts.maintenance import Window
from .alerts.notice import Notice, addressed
from .alerts.past import watching
from .alerts.reading import Observation
from .alerts.rules import Rule, RuleName
from .alerts.step import MAX_CLOSED, MAX_OPEN, Changes, State, Stepper, restored, with_kept
from .config import Config
from .health.fleet import Fleet
from .health.report import Report
from .store.database import Store

log = logging.getLogger("modpulse.collector")


@dataclass(frozen=True, slots=True)
class Step:
    """A step that is not kept yet."""

    state: State
    changes: Changes
    notices: Sequence[tuple[str, Notice]]
    """With the channel that each is for."""


class Incidents:
    """Of one collector."""

    def __init__(self, config: Config, fleet: Fleet) -> None:
        self.state = State()
        self.dead_ns: dict[str, int | None] = {channel.name: None for channel in config.channel}
        """Channel to since when it takes nothing; None: it does, or was not asked yet."""
        self._fleet = fleet
        self._stepper = Stepper(config.alerting, config.maintenance)
        self.counted = Counted(config.alerting)
        self._configured = config.maintenance
        self._severities = {channel.name: channel.takes() for channel in config.channel}
        self._window_ns = round(config.window_seconds * NS)
        self._slo = config.rules.slo_success, config.rules.slo_confidence
        self.listening_ns = 0
        """Since when batches are taken: no agent was silent before."""

    def mute(self, announced: Iterable[Window]) -> None:
        """Let these windows count from the next step on, beside those of the configuration."""
        self._stepper.maintenance = (*self._configured, *announced)

    def restore(self, store: Store, now_ns: int) -> None:
        """
        Take back what was open.

        Raises:
            StoreUnavailableError: the database cannot be read.
        """
        found, next_id = store.incidents(MAX_OPEN, MAX_CLOSED)
        memory = watching(store.latest_past())
        self.state = replace(restored(found, next_id, now_ns), memory=memory)
        self.listening_ns = now_ns

    async def step(self, reports: Sequence[Report], now_ns: int, wall_offset_ns: int) -> Step:
        """Return what a step would make of the reports; beside the event loop, it may take long."""
        observation = Observation(
            reports=reports,
            heard_ns=self._fleet.heard_ns(),
            sites=self._fleet.sites(),
            duplicates=self._fleet.duplicates(now_ns),
            listening_ns=self.listening_ns,
            served_ns={
                key: self._fleet.served_ns(key.proxy, key.rule, key.who)
                for key in self.state.alerts.keys() | self.state.memory.watched.keys()
                if key.rule in ("host", "resolver")
            },
            dead_ns=dict(self.dead_ns),
            slo_success=self._slo[0],
            slo_confidence=self._slo[1],
            window_ns=self._window_ns,
            wall_offset_ns=wall_offset_ns,
            chains=self._fleet.chains.reports(),
        )
        state, changes = await asyncio.to_thread(self._step, observation, now_ns)
        return Step(state, changes, self.addressed(changes.notices))

    def _step(self, observation: Observation, now_ns: int) -> tuple[State, Changes]:
        alerts, incidents = self.state.alerts, self.state.incidents.values()
        self.counted.take(observation.reports, alerts)
        counted = self.counted.see(alerts, incidents, now_ns)
        return self._stepper.step(self.state, replace(observation, counted=counted), now_ns)

    @property
    def rules(self) -> Mapping[RuleName, Rule]:
        """By name."""
        return self._stepper.rules

    @property
    def windows(self) -> tuple[Window, ...]:
        """Those in which nobody is told, of the configuration and announced."""
        return self._stepper.maintenance

    def addressed(self, notices: Sequence[Notice]) -> list[tuple[str, Notice]]:
        """Return each notice with each channel that it is for."""
        return addressed(notices, self._severities)

    def accept(self, step: Step, kept: Iterable[Incident] = ()) -> None:
        """Let a step stand, and say so; `kept` are its incidents as they were written."""
        self.state = with_kept(step.state, kept)
        for notice in step.changes.notices:
            incident = notice.incident
            names = ",".join(incident.proxies) or incident.topic
            log.warning(
                "incident.told notice=%s incident=%s severity=%s about=%s",
                notice.kind, incident.name, incident.severity, names, extra={"whose": names},
            )  # fmt: skip
