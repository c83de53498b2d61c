"""State-of-the-world ADS, translated: requests state all names, and responses of some types all resources.

What a request adds and takes back is its difference to what was asked for before. A response of clusters or listeners
repeats what the proxy holds, byte for byte, with what is new in its place and what is removed left out; of other types
it holds only what is new, as the protocol allows.
The version of a response is a hash over everything that the proxy holds of the type once it accepts: a proxy that
comes back with the version of what it is to hold, to this control plane or to a restarted one, is sent nothing.
Invariant: a response never leaves out what the proxy holds and still needs, for leaving out is removing.
Source: Envoy's xDS protocol description, "basic protocol overview" and "grouping resources into responses".
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from pidalio.envoy.resource import Resource, state_entry
from pidalio.xds.subscription import Subscription
from pidalio.xds.target import stand_in, unknown
from pidalio.xds.typeurls import WHOLE
from pidalio.xds.variant import Held
from pidalio.xds.wire import Request, parse_state, state_response

if TYPE_CHECKING:
    from pidalio.xds.batch import Batch
    from pidalio.xds.session import Session

METHOD: Final = "StreamAggregatedResources"


class _Known(msgspec.Struct):
    """What the protocol itself needs to know of a type.

    `version` is that of the set which the proxy says it holds, `unanswered` those of responses that are on their way,
    by nonce; `is_named` tells whether it ever asked by name (until then an empty request means everything);
    `resources` are those that it holds or that are on their way, where responses repeat them.
    """

    version: str = ""
    is_named: bool = False
    unanswered: dict[str, str] = {}
    resources: dict[tuple[str, str], Resource] = {}


class StateOfTheWorld:
    """The state-of-the-world variant of one stream."""

    confirms = False

    def __init__(self) -> None:
        self._types: dict[str, _Known] = {}

    def parse(self, data: bytes) -> Request:
        """Parse one request; raise `InvalidInput` when `data` is not one."""
        return parse_state(data)

    def understand(self, session: "Session", request: Request) -> tuple[Request, ...]:
        """Return the request as differences, after the answers that it stands for.

        An answer to a response answers those before it: a client may leave out answers that a later one overtakes.
        A stale nonce answers nothing; the names are what is asked for all the same.
        """
        known = self._types.setdefault(request.type_url, _Known())
        known.is_named = known.is_named or bool(request.names)
        known.version = request.version
        asked = session.subscriptions.get(request.type_url)
        if asked is None:
            held = self._resume(session, known, request)
            return (Request(request.type_url, subscribe=request.names, initial=held, node=request.node),)
        added, dropped = _differences(asked, request.names, is_named=known.is_named)
        last = msgspec.structs.replace(request, subscribe=added, unsubscribe=dropped)
        return (*_overtaken(asked, request.nonce), last)

    def is_whole(self, type_url: str) -> bool:
        """Tell whether every response of the type holds all that the proxy is to hold."""
        return type_url in WHOLE

    def write(self, asked: Subscription, nonce: str, generation: int, batch: "Batch") -> bytes:
        """Return the response; what is removed is left out."""
        del generation
        known = self._types[asked.type_url]
        versions = asked.versions()
        version = version_of(versions)
        known.unanswered = {sent: known.unanswered.get(sent, version) for sent in asked.sent}
        resources: Iterable[Resource] = batch.resources
        if self.is_whole(asked.type_url):
            known.resources.update(((each.name, each.version), each) for each in batch.resources)
            known.resources = {key: known.resources[key] for key in asked.known()}
            resources = [known.resources[key] for key in versions.items()]
        return state_response(asked.type_url, nonce, version, map(state_entry, resources))

    def remember(self, session: "Session") -> Mapping[str, Mapping[str, Held]]:
        """Return, by type, what the proxy holds under its own word for it, or will hold if it accepts."""
        found: dict[str, dict[str, Held]] = {}
        for asked in session.order:
            known = self._types[asked.type_url]
            states = asked.states()
            named = [known.version, *(known.unanswered[nonce] for nonce in asked.sent)]
            found[asked.type_url] = {
                version: Held(state, known.resources) for version, state in zip(named, states, strict=True) if version
            }
        return found

    def _resume(self, session: "Session", known: _Known, request: Request) -> Mapping[str, str]:
        """Return what the proxy holds, nothing where its version is not known."""
        if not request.version:
            return {}
        held = session.memory.held.get(request.type_url, {}).get(request.version)
        if held is None:
            held = _wanted(session, request)
            if version_of(held.versions) != request.version:
                return {}
        if self.is_whole(request.type_url):
            known.resources = dict(held.resources)
        return held.versions


def version_of(versions: Mapping[str, str]) -> str:
    """Return the version of a set of resources, given the version of each by name."""
    lines = "\n".join(sorted(f"{name} {version}" for name, version in versions.items()))
    return hashlib.blake2b(lines.encode(), digest_size=8).hexdigest()


def _wanted(session: "Session", request: Request) -> Held:
    """Return what a proxy that asks for this would be sent."""
    target, kind = session.target, request.type_url
    names = target.names(kind) if not request.names or "*" in request.names else request.names
    found = [target.get(kind, name) or stand_in(kind, name) or _unknown(session, kind, name) for name in names]
    resources = [each for each in found if each is not None]
    return Held(
        {each.name: each.version for each in resources}, {(each.name, each.version): each for each in resources}
    )


def _unknown(session: "Session", kind: str, name: str) -> Resource | None:
    return unknown(kind, name) if session.node.is_grpc else None


def _differences(
    asked: Subscription, names: tuple[str, ...], *, is_named: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names that are new, and those that are no longer asked for."""
    if not is_named:
        return (), ()
    before = asked.names | {"*"} if asked.wildcard else asked.names
    now = frozenset(names)
    return tuple(name for name in names if name not in before), tuple(sorted(before - now))


def _overtaken(asked: Subscription, nonce: str) -> list[Request]:
    """Return the acknowledgement of every response before the one that `nonce` answers."""
    if nonce not in asked.sent:
        return []
    before = list(asked.sent)
    return [Request(asked.type_url, nonce=each) for each in before[: before.index(nonce)]]
