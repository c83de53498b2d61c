"""Operations by which agents make their instances part of the mesh."""

from pidalio.api.dump import dump
from pidalio.api.object import Object
from pidalio.api.workload_entry import WorkloadGroup
from pidalio.errors import NotFound, UsageError
from pidalio.http.call import Call, Query
from pidalio.http.failures import Forbidden
from pidalio.http.fault_bodies import TalliesAnswer, TalliesView
from pidalio.http.identity import objection
from pidalio.http.served import Served
from pidalio.http.wire import GroupAnswer, ProcessAnswer, Registration, RegistrationAnswer, SightsAnswer, SightsView
from pidalio.model import ObjectRef, Proxy, labels_of
from pidalio.platforms.local.groups import proxy_config
from pidalio.platforms.vm import LONGEST, Entry
from pidalio.rules.process import process_plan


async def register(served: Served, call: Call) -> RegistrationAnswer:
    """Add, change or renew an instance; it is gone when its lease ends."""
    identity, registration = call.path("id"), await call.body(Registration)
    if why := objection(call.identities, registration.workload.namespace):
        raise Forbidden(why)
    entry = Entry(
        workload=registration.workload.row(),
        holder=call.identity,
        lease=registration.lease,
        reports=tuple(one.report() for one in registration.reports),
        word=registration.word,
    )
    generation = served.registrations.register(identity, entry)
    await served.registrations.settled(identity)
    return RegistrationAnswer(identity, registration.lease, generation)


async def group(served: Served, call: Call) -> GroupAnswer:
    """Return the WorkloadGroup that an instance is to be described by."""
    namespace, name = call.path("namespace"), call.path("name")
    if why := objection(call.identities, namespace):
        raise Forbidden(why)
    return GroupAnswer(dump(_group(served, namespace, name)))


def _group(served: Served, namespace: str, name: str) -> Object[WorkloadGroup]:
    found = served.mesh.catalog.get(ObjectRef("WorkloadGroup", namespace, name))
    if found is None:
        raise NotFound(f"no WorkloadGroup {name} in namespace {namespace}: write it, or name another with --group")
    return found


async def sights(served: Served, call: Call) -> SightsAnswer:
    """Take note of what a proxy's Envoy took out of its own pools."""
    proxy, told = call.path("id"), await call.body(SightsView)
    if why := objection(call.identities, Proxy.from_id(proxy).namespace):
        raise Forbidden(why)
    if not 0 < told.lease <= LONGEST:
        raise UsageError(f"a lease is at most {LONGEST:g} seconds")
    served.observations.tell(proxy, told.sights, told.lease)
    return SightsAnswer(len(told.sights))


async def tallies(served: Served, call: Call) -> TalliesAnswer:
    """Take note of what a proxy's Envoy counted while a fault campaign concerns it."""
    proxy, told = call.path("id"), await call.body(TalliesView)
    if why := objection(call.identities, Proxy.from_id(proxy).namespace):
        raise Forbidden(why)
    return TalliesAnswer(served.campaigns.counted(proxy, told.tallies))


class ProcessQuery(Query, frozen=True):
    """A proxy by its namespace and its labels (`k=v,k=v`); `group` is the WorkloadGroup that describes it."""

    namespace: str = "default"
    labels: str = ""
    group: str = ""


async def process(served: Served, call: Call) -> ProcessAnswer:
    """Return how the Envoy of a proxy is to be started: its workers, variables, statistics and drain."""
    query = call.query(ProcessQuery)
    if why := objection(call.identities, query.namespace):
        raise Forbidden(why)
    pairs = (part.partition("=") for part in query.labels.split(",") if part)
    labels = labels_of((key, value) for key, _, value in pairs)
    annotation = proxy_config(_group(served, query.namespace, query.group).spec) if query.group else ""
    return ProcessAnswer(process_plan(served.mesh.world, query.namespace, labels, annotation))


async def deregister(served: Served, call: Call) -> RegistrationAnswer:
    """Remove an instance at once."""
    identity = call.path("id")
    generation = served.registrations.deregister(identity, call.identity)
    await served.registrations.settled(identity)
    return RegistrationAnswer(identity, 0.0, generation)
