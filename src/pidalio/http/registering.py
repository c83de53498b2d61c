"""Operations by which agents make their instances part of the mesh."""

from pidalio.http.call import Call, Query
from pidalio.http.failures import Forbidden
from pidalio.http.identity import objection
from pidalio.http.served import Served
from pidalio.http.wire import ProcessAnswer, Registration, RegistrationAnswer
from pidalio.model import labels_of
from pidalio.rules.process import process_plan


async def register(served: Served, call: Call) -> RegistrationAnswer:
    """Add, change or renew an instance; it is gone when its lease ends."""
    identity, registration = call.path("id"), await call.body(Registration)
    if why := objection(call.identities, registration.workload.namespace):
        raise Forbidden(why)
    generation = served.leases.register(identity, registration, call.identity)
    return RegistrationAnswer(identity, registration.lease, generation)


class ProcessQuery(Query, frozen=True):
    """A proxy by its namespace and its labels (`k=v,k=v`)."""

    namespace: str = "default"
    labels: str = ""


async def process(served: Served, call: Call) -> ProcessAnswer:
    """Return how the Envoy of a proxy is to be started: its workers, variables, statistics and drain."""
    query = call.query(ProcessQuery)
    if why := objection(call.identities, query.namespace):
        raise Forbidden(why)
    pairs = (part.partition("=") for part in query.labels.split(",") if part)
    labels = labels_of((key, value) for key, _, value in pairs)
    return ProcessAnswer(process_plan(served.mesh.world, query.namespace, labels))


async def deregister(served: Served, call: Call) -> RegistrationAnswer:
    """Remove an instance at once."""
    identity = call.path("id")
    return RegistrationAnswer(identity, 0.0, served.leases.deregister(identity, call.identity))
