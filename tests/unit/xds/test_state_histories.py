"""Random histories over state-of-the-world ADS: never a broken reference, and in the end everything as wanted."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.xds.model_envoy import BAD
from tests.unit.xds.model_state_envoy import ModelStateEnvoy
from tests.unit.xds.proxy import Server
from tests.xds.world import CLUSTER, ENDPOINT, LISTENER, ROUTE, World

CLUSTERS = 3
NETWORK = ("emit", "process", "deliver")
CHANGES = ("route", "route", "retire", "cluster", "endpoint", "malformed", "refused", "listener", "reconnect")
STEPS = st.lists(
    st.tuples(st.sampled_from(NETWORK * 4 + CHANGES), st.integers(0, CLUSTERS - 1), st.integers(0, CLUSTERS - 1)),
    min_size=40,
    max_size=160,
)


class Mesh:
    """A world whose one table, at times two, name clusters; every resource says `name: content`."""

    def __init__(self, *, tells: bool) -> None:
        self.serial = 0
        self.world = World()
        self.put(LISTENER, "l", "r")
        self.server = Server(self.world)
        self.server.change(self.need("c0"), self.put(ROUTE, "r", "to 0 c0"))
        self.envoy = ModelStateEnvoy(self.server, tells=tells)

    def put(self, kind: str, name: str, content: str):
        return self.world.put(kind, name, f"{name}: {content}")

    def next(self) -> int:
        self.serial += 1
        return self.serial

    def need(self, *clusters: str):
        missing = [name for name in dict.fromkeys(clusters) if self.world.get(CLUSTER, name) is None]
        for name in missing:
            self.put(CLUSTER, name, f"cluster {self.next()}")
            self.put(ENDPOINT, name, f"endpoints {self.next()}")
        return {CLUSTER: missing, ENDPOINT: missing}

    def step(self, what: str, first: int, second: int) -> None:
        one, two = f"c{first}", f"c{second}"
        if what in NETWORK or what == "reconnect":
            getattr(self.envoy, what)()
        elif what in ("route", "refused"):
            kind = BAD if what == "refused" else "to"
            self.server.change(self.need(one, two), self.put(ROUTE, "r", f"{kind} {self.next()} {one} {two}"))
        elif what in ("cluster", "endpoint", "malformed") and self.world.get(CLUSTER, one):
            kind = CLUSTER if what == "cluster" else ENDPOINT
            self.server.change(self.put(kind, one, f"{BAD if what == 'malformed' else what} {self.next()}"))
        elif what == "retire" and self.world.get(CLUSTER, one):
            self.retire(one, f"c{(first + 1) % CLUSTERS}")
        elif what == "listener":
            self.toggle(one)

    def retire(self, old: str, new: str) -> None:
        changes = [self.need(new)]
        changes += [self.put(ROUTE, name, f"to {self.next()} {new}") for name in list(self.world.names(ROUTE))]
        self.server.change(*changes, self.world.drop(CLUSTER, old), self.world.drop(ENDPOINT, old))

    def toggle(self, cluster: str) -> None:
        if self.world.get(ROUTE, "r2"):
            self.server.change(self.world.drop(LISTENER, "l2"), self.world.drop(ROUTE, "r2"))
        else:
            table = self.put(ROUTE, "r2", f"to {self.next()} {cluster}")
            self.server.change(self.need(cluster), self.put(LISTENER, "l2", "r2"), table)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, tells=st.booleans())
def test_references_hold_at_every_moment_and_the_end_is_what_was_wanted(steps, tells):
    mesh = Mesh(tells=tells)
    mesh.envoy.settle()
    for step in steps:
        mesh.step(*step)
    mesh.envoy.settle()
    envoy, world = mesh.envoy, mesh.world
    kinds = (CLUSTER, ENDPOINT, LISTENER, ROUTE)
    wanted = {(kind, name): world.get(kind, name).body for kind in kinds for name in world.names(kind)}
    # A refused table keeps its clusters, also those that are to go, and what is refused of them.
    refused = {(each.type_url, each.name) for each in envoy.stream.rejections} & wanted.keys()
    assert refused == {key for key, body in wanted.items() if f": {BAD}".encode() in body}
    holds = {
        (kind, name): f"{name}: {text}".encode() for kind, held in envoy.content.items() for name, text in held.items()
    }
    assert not {key for key, body in wanted.items() if key not in refused and holds.get(key, b"missing") not in body}
    extra = holds.keys() - wanted.keys() - {(ENDPOINT, name) for name in envoy.content[CLUSTER]}
    assert not {(kind, name) for kind, name in extra if kind != CLUSTER or not refused}
    assert not envoy.warming
    assert envoy.stream.rejections or envoy.stream.generation == mesh.server.generation
