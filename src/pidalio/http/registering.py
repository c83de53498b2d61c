"""Operations by which agents make their instances part of the mesh."""

from pidalio.http.call import Call
from pidalio.http.failures import Forbidden
from pidalio.http.identity import objection
from pidalio.http.served import Served
from pidalio.http.wire import Registration, RegistrationAnswer


async def register(served: Served, call: Call) -> RegistrationAnswer:
    """Add, change or renew an instance; it is gone when its lease ends."""
    identity, registration = call.path("id"), await call.body(Registration)
    if why := objection(call.identities, registration.workload.namespace):
        raise Forbidden(why)
    generation = served.leases.register(identity, registration, call.identity)
    return RegistrationAnswer(identity, registration.lease, generation)


async def deregister(served: Served, call: Call) -> RegistrationAnswer:
    """Remove an instance at once."""
    identity = call.path("id")
    return RegistrationAnswer(identity, 0.0, served.leases.deregister(identity, call.identity))
