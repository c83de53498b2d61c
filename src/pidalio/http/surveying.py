"""What all objects do, as the API tells it: looked at when somebody asks, and again only when something changed.

Invariant: the event loop is never held for long: a survey is made a little at a time.
"""

import asyncio
from typing import Any

from pidalio.api.object import Object
from pidalio.effectiveness import Survey, survey_steps
from pidalio.effectiveness import told as told_of
from pidalio.http.mesh import Mesh
from pidalio.http.wire import ReportView, StatusView
from pidalio.model import Report, Severity
from pidalio.rules.effective import reports_for

_TRIES = 3
"""How often a survey is begun anew because the mesh changed meanwhile."""
_WITHOUT_EFFECT = frozenset(
    {
        "not-yet-effective",
        "unreferenced-host",
        "unreferenced-port",
        "unreferenced-subset",
        "unused-delegate",
        "foreign-ingress",
        "empty-subset",
        "delegate-conflict",
    }
)
"""Codes of the rules that say as much as `ineffective`."""


class Surveyor:
    """Makes surveys of one mesh, one at a time."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._working = asyncio.Lock()
        self._seen: tuple[object, ...] = ()
        self._last = Survey({})

    async def survey(self) -> Survey:
        """Return what every object does, true for some generation since the call."""
        async with self._working:
            for _ in range(_TRIES):
                now = self._now()
                if now == self._seen:
                    break
                self._last = await self._made()
                if now == self._now():
                    self._seen = now
        return self._last

    def _now(self) -> tuple[object, ...]:
        return self._mesh.world.generation, tuple(self._mesh.proxies())

    async def _made(self) -> Survey:
        steps = survey_steps(self._mesh.world, self._mesh.audience(), self._mesh.objects())
        try:
            while True:
                next(steps)
                await asyncio.sleep(0)
        except StopIteration as ended:
            found: Survey = ended.value
            return found
        finally:
            if not self._mesh.proxies():
                self._mesh.collect()  # nobody holds what was compiled for those who are only implied

    def reports(self, survey: Survey) -> tuple[Report, ...]:
        """Return what stands to be mended, or could not be told; what may well be meant is said with each object."""
        reports = survey.reports(self._mesh.place)
        return tuple(one for one in reports if one.severity >= Severity.WARNING or one.code == "undecided")

    def status(self, survey: Survey, item: Object[Any]) -> StatusView | None:
        """Return the status of one object; None where it came only after the survey."""
        found = survey.status(item.ref)
        if found is None:
            return None
        own = self._mesh.catalog.locate(reports_for(self._mesh.world, item))
        without = [ReportView.of(one) for one in own if one.code in _WITHOUT_EFFECT]
        told = [(one, ReportView.of(told_of(one, self._mesh.place))) for one in found.findings]
        return StatusView(
            compiled=found.compiled and not any(one.code == "not-yet-effective" and not one.path for one in own),
            effective_on=found.effective_on,
            proxies=found.proxies,
            ineffective=(*without, *(view for one, view in told if one.code == "ineffective")),
            conflicts=tuple(view for one, view in told if one.is_conflict),
            risks=tuple(view for one, view in told if one.is_risk),
            remarks=tuple(view for one, view in told if one.severity is Severity.INFO and not one.is_risk),
        )
