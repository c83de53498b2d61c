"""Random histories of a mesh, its proxy and the network between: never a broken reference, and in the end the same."""

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.xds.model_envoy import BAD, ModelEnvoy
from tests.unit.xds.proxy import Server
from tests.xds.world import CLUSTER, ENDPOINT, LISTENER, ROUTE, VIRTUAL_HOST, World

CLUSTERS, HOSTS = 3, 3
NETWORK = ("emit", "process", "deliver")
CHANGES = ("route", "route", "retire", "cluster", "endpoint", "malformed", "drop", "refused", "table", "reconnect")
STEPS = st.lists(
    st.tuples(st.sampled_from(NETWORK * 4 + CHANGES), st.integers(0, CLUSTERS - 1), st.integers(0, HOSTS - 1)),
    min_size=40,
    max_size=160,
)


class Mesh:
    """A world in which every virtual host refers to a cluster of the same generation."""

    def __init__(self, *, tells: bool) -> None:
        self.serial = 0
        self.world = World(listeners={"l": "r"}, routes={"r": "r"}, hosts={"r/~": "to c0"})
        self.server = Server(self.world)
        self.server.change(self.need("c0"))
        self.envoy = ModelEnvoy(self.server, tells=tells)

    def need(self, *clusters: str):
        """Add the clusters that are missing; return the change."""
        missing = [name for name in clusters if self.world.get(CLUSTER, name) is None]
        for name in missing:
            self.world.put(CLUSTER, name, f"cluster {self.next()}")
            self.world.put(ENDPOINT, name, f"endpoints {self.next()}")
        return {CLUSTER: missing, ENDPOINT: missing}

    def next(self) -> int:
        self.serial += 1
        return self.serial

    def step(self, what: str, first: int, second: int) -> None:
        cluster, host = f"c{first}", f"r/h{second}"
        if what in NETWORK or what == "reconnect":
            getattr(self.envoy, what)()
        elif what in ("route", "refused"):
            kind = BAD if what == "refused" else "to"
            self.server.change(
                self.need(cluster), self.world.put(VIRTUAL_HOST, host, f"{kind} {self.next()} {cluster}")
            )
        elif what in ("cluster", "endpoint", "malformed") and self.world.get(CLUSTER, cluster):
            kind = CLUSTER if what == "cluster" else ENDPOINT
            content = BAD if what == "malformed" else what
            self.server.change(self.world.put(kind, cluster, f"{content} {self.next()}"))
        elif what == "drop" and self.world.get(VIRTUAL_HOST, host):
            self.server.change(self.world.drop(VIRTUAL_HOST, host))
        elif what == "retire" and self.world.get(CLUSTER, cluster):
            self.retire(cluster, f"c{(first + 1) % CLUSTERS}")
        elif what == "table":
            self.toggle_table(cluster)

    def retire(self, old: str, new: str) -> None:
        """Drop a cluster; what referred to it refers to another, all in one generation."""
        changes = [self.need(new)]
        hosts = self.world.content[VIRTUAL_HOST]
        changes += [
            self.world.put(VIRTUAL_HOST, name, f"to {self.next()} {new}")
            for name, each in list(hosts.items())
            if each.body.decode(errors="replace").find(old) >= 0
        ]
        self.server.change(*changes, self.world.drop(CLUSTER, old), self.world.drop(ENDPOINT, old))

    def toggle_table(self, cluster: str) -> None:
        world = self.world
        if world.get(ROUTE, "r2"):
            drops = [
                world.drop(VIRTUAL_HOST, name) for name in list(world.names(VIRTUAL_HOST)) if name.startswith("r2/")
            ]
            self.server.change(world.drop(LISTENER, "l2"), world.drop(ROUTE, "r2"), *drops)
        else:
            self.server.change(
                self.need(cluster),
                world.put(LISTENER, "l2", "r2"),
                world.put(ROUTE, "r2", "r2"),
                world.put(VIRTUAL_HOST, "r2/~", f"to {self.next()} {cluster}"),
            )

    def expected(self, kind: str) -> dict[str, str]:
        found = {name: each.body for name, each in self.world.content.get(kind, {}).items()}
        return {name: self.world.get(kind, name).version for name in found}


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, tells=st.booleans())
@example(steps=[(each, 0, 0) for each in ("refused", "emit", "process", "deliver", "drop", "reconnect")], tells=False)
def test_references_hold_at_every_moment_and_the_end_is_what_was_wanted(steps, tells):
    mesh = Mesh(tells=tells)
    mesh.envoy.settle()
    for step in steps:
        mesh.step(*step)
    mesh.envoy.settle()
    envoy = mesh.envoy
    refused = {each.name for each in envoy.stream.rejections}
    assert refused == {
        name
        for kind in (VIRTUAL_HOST, ENDPOINT)
        for name, each in mesh.world.content[kind].items()
        if b"bad " in each.body
    }
    for kind in (CLUSTER, LISTENER, ROUTE):
        assert mismatches(envoy.versions[kind], mesh.expected(kind), bool(refused) and kind == CLUSTER) == {}
    assert {name for name in envoy.content[VIRTUAL_HOST] if name not in refused} == set(
        mesh.expected(VIRTUAL_HOST)
    ) - refused
    for name, version in mesh.expected(VIRTUAL_HOST).items():
        assert name in refused or envoy.versions[VIRTUAL_HOST][name] == version
    for name, version in mesh.expected(ENDPOINT).items():
        assert name in refused or envoy.versions[ENDPOINT][name] == version
    assert not envoy.warming
    assert refused or envoy.stream.generation == mesh.server.generation


def mismatches(has: dict[str, str], wants: dict[str, str], may_keep: bool) -> dict[str, object]:
    """What differs; while a refused virtual host keeps its former content, clusters may stay."""
    names = set(wants) if may_keep else set(wants) | set(has)
    return {name: (has.get(name), wants.get(name)) for name in names if has.get(name) != wants.get(name)}
