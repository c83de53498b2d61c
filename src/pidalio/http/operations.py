"""Everything that can be asked of a control plane, in one table: routes and their description come from it.

Adding an operation is adding a function to one of the modules beside this one, and an entry here.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from pidalio.http import (
    endpoints,
    explaining,
    fault_bodies,
    faulting,
    reading,
    registering,
    revisions,
    wire,
    writing,
)
from pidalio.http.call import Call, Query
from pidalio.http.served import Served

Run = Callable[[Served, Call], Awaitable[Any]]


class Operation(msgspec.Struct, frozen=True):
    """One operation: `path` has its parameters in braces; the first sentence of `run`'s docstring describes it.

    `body` is its JSON body, `text` says that it takes YAML or JSON documents too; `open` operations need no token,
    `agents` are open to whoever has a client certificate.
    """

    method: str
    path: str
    run: Run
    answer: type[Any]
    query: type[Query] | None = None
    body: type[Any] | None = None
    text: bool = False
    open: bool = False
    agents: bool = False


OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", "/healthz", reading.healthz, wire.HealthAnswer, open=True),
    Operation("GET", "/readyz", reading.readyz, wire.HealthAnswer, open=True),
    Operation("POST", "/v1/apply", writing.apply, wire.AppliedAnswer, writing.ApplyQuery, wire.SourceFiles, text=True),
    Operation("POST", "/v1/delete", writing.delete, wire.AppliedAnswer, writing.DeleteQuery, wire.ObjectNames),
    Operation("POST", "/v1/release/{source}", writing.release, wire.ReleasedAnswer, writing.ReleaseQuery),
    Operation("GET", "/v1/live", writing.live, wire.LiveAnswer, writing.LiveQuery),
    Operation("GET", "/v1/objects", reading.objects, wire.ObjectsAnswer, reading.ObjectsQuery),
    Operation("GET", "/v1/status", reading.status, wire.StatusAnswer),
    Operation("GET", "/v1/platforms", reading.platforms, wire.PlatformsAnswer),
    Operation("GET", "/v1/endpoints", endpoints.endpoints, wire.EndpointsAnswer, endpoints.EndpointsQuery),
    Operation("GET", "/v1/proxies/{id}/{what}", reading.holdings, wire.HoldingsAnswer, reading.HoldingsQuery),
    Operation("POST", "/v1/explain", explaining.explain, explaining.Explained, None, explaining.Question),
    Operation("GET", "/v1/history", revisions.history, wire.HistoryAnswer, revisions.HistoryQuery),
    Operation("GET", "/v1/history/diff", revisions.diff, wire.DiffAnswer, revisions.DiffQuery),
    Operation("GET", "/v1/history/{number}", revisions.revision, wire.RevisionAnswer),
    Operation("POST", "/v1/history/{number}/restore", writing.restore, wire.AppliedAnswer, writing.RestoreQuery),
    Operation("GET", "/v1/faults", faulting.faults, fault_bodies.FaultsAnswer),
    Operation("POST", "/v1/faults", faulting.start_fault, fault_bodies.FaultAnswer, None, fault_bodies.FaultOrder),
    Operation("DELETE", "/v1/faults/{name}", faulting.stop_fault, fault_bodies.FaultAnswer, faulting.StopQuery),
    Operation(
        "PUT", "/v1/workloads/{id}", registering.register, wire.RegistrationAnswer, None, wire.Registration, agents=True
    ),
    Operation("GET", "/v1/groups/{namespace}/{name}", registering.group, wire.GroupAnswer, agents=True),
    Operation(
        "PUT",
        "/v1/proxies/{id}/tallies",
        registering.tallies,
        fault_bodies.TalliesAnswer,
        None,
        fault_bodies.TalliesView,
        agents=True,
    ),
    Operation(
        "PUT", "/v1/proxies/{id}/sights", registering.sights, wire.SightsAnswer, None, wire.SightsView, agents=True
    ),
    Operation("GET", "/v1/process", registering.process, wire.ProcessAnswer, registering.ProcessQuery, agents=True),
    Operation("DELETE", "/v1/workloads/{id}", registering.deregister, wire.RegistrationAnswer, agents=True),
)
