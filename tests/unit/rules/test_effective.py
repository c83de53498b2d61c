"""Nothing that users write is silently ignored: each field is honoured, or reported once (reference §1.1–1.6, §1.9)."""

from pathlib import Path

import pytest
from tests.unit.rules.every_field import KINDS, patterns, without
from tests.unit.rules.world import document, mesh, router, sidecar, told

from pidalio.api.object import Object
from pidalio.pipeline import groups_of, members, resource_of
from pidalio.rules.effective import not_yet_effective
from pidalio.server.offline import OfflineMesh
from pidalio.store.rows import rows_of

HERE = Path(__file__).parent
LISTED = HERE / "every_field.txt"
PROXIES = (
    sidecar("default", app="client"),
    sidecar("default", name="web-1", address="10.0.0.7", app="web"),
    sidecar("far", name="chosen", app="chosen"),
    sidecar("far"),
    sidecar("strict"),
    router(),
)
NOTHING_TO_SEE = {
    "Gateway servers[].port.name": "tells servers apart; names of plain-HTTP tables have the number alone",
    "Gateway servers[].port.targetPort": "is refused",
    "ServiceEntry location": "decides on mutual TLS, which is not there for anyone",
    "ServiceEntry endpoints[].serviceAccount": "is the identity that mutual TLS would ask for",
    "MeshConfig outboundTrafficPolicy": "is there for its mode",
    "MeshConfig defaultTrafficPolicy.outlierDetection.consecutiveErrors": "is the old name of consecutiveGatewayErrors",
    "WorkloadEntry serviceAccount": "is the identity that mutual TLS would ask for",
    "VirtualService http[].fault.delay.exponentialDelay": "is refused",
    "VirtualService http[].fault.abort.http2Error": "is refused",
}


def _kept() -> list[str]:
    lines = []
    for kind in KINDS:
        reported = set()
        for pattern, item in patterns(kind):
            found = [one.path.removeprefix("spec.").replace("[0]", "[]") for one in not_yet_effective(item)]
            assert len(found) <= 1, f"{kind} {pattern} is reported {len(found)} times"
            reported.update(found)
            if not found:
                lines.append(f"honoured {kind} {pattern}")
        lines += [f"reported {kind} {path}" for path in reported]
    return sorted(lines)


def test_the_list_of_fields_is_as_agreed(request):
    """A field that is new in the API, or newly compiled, shows here: it must not go by unnoticed."""
    if request.config.getoption("--golden-update"):
        LISTED.write_text("\n".join(_kept()) + "\n")
    assert _kept() == LISTED.read_text().split("\n")[:-1], (
        "the fields that have an effect are others than those kept; to accept: "
        "pytest tests/unit/rules/test_effective.py --golden-update"
    )


def _honoured() -> list[str]:
    lines = (line.partition("=")[0].split(" ", 1) for line in _kept())
    found = dict.fromkeys(rest for word, rest in lines if word == "honoured")
    return [one for one in found if not one.startswith("LocalWorkload")]


class _World:
    """The mesh that sets every field, and what its proxies get when one is taken out."""

    def __init__(self) -> None:
        self.mesh = OfflineMesh.from_text((HERE / "every_field.yaml").read_text())
        self.whole = self._resources()

    def _resources(self) -> dict[str, str]:
        world = self.mesh.world
        found = {}
        for proxy in PROXIES:
            for group in groups_of(world, proxy):
                for name, key in members(world, group):
                    resource = resource_of(world, key)
                    found[f"{proxy.id} {name} {type(key).__name__}"] = resource.version if resource else ""
        return found

    def differs_without(self, kind: str, pattern: str) -> bool:
        """Tell whether some proxy gets something else when the field is taken out where it is set."""
        places = 0
        for item in self.mesh.objects(kind):
            for spec in without(item.spec, pattern):
                places += 1
                before = rows_of(item)
                after = rows_of(Object(item.kind, item.api_version, item.meta, spec))
                tables = {*before, *after}
                self.mesh.world.apply({t: {**dict.fromkeys(before.get(t, {})), **after.get(t, {})} for t in tables})
                changed = self._resources() != self.whole
                self.mesh.world.apply({t: {**dict.fromkeys(after.get(t, {})), **before.get(t, {})} for t in tables})
                if changed:
                    return True
        assert places, f"every_field.yaml does not set {kind} {pattern}: set it where it makes a difference"
        return False


@pytest.fixture(scope="module")
def world():
    return _World()


def test_exceptions_are_fields_that_are_honoured():
    assert set(NOTHING_TO_SEE) <= set(_honoured())


@pytest.mark.parametrize("field", [one for one in _honoured() if one not in NOTHING_TO_SEE])
def test_a_field_that_is_honoured_makes_a_difference(field, world):
    kind, _, pattern = field.partition(" ")
    assert world.differs_without(kind, pattern), (
        f"taking {field} out changes nothing for anyone: compile it, or take it off the list in rules/effective.py"
    )


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        (
            document("WorkloadGroup", "group", "{template: {}}"),
            [""],
        ),
        (document("Service", "alias", "{type: ExternalName, externalName: a.com, externalIPs: [10.0.0.1]}"), [""]),
        (
            document(
                "Service",
                "web",
                "{ports: [{port: 80}], internalTrafficPolicy: Local, publishNotReadyAddresses: true, "
                "externalIPs: [10.0.0.1], trafficDistribution: PreferClose}",
            ),
            [
                "spec.externalIPs",
                "spec.internalTrafficPolicy",
                "spec.publishNotReadyAddresses",
                "spec.trafficDistribution",
            ],
        ),
        (
            document("Service", "web", "{ports: [{port: 80}], internalTrafficPolicy: Cluster, sessionAffinity: None}"),
            [],
        ),
        (
            document(
                "VirtualService",
                "web",
                "{hosts: [a.com], http: [{match: [{headers: {'@request.auth.claims.sub': {exact: x}, y: {}}}], "
                "directResponse: {status: 200}}], tls: [{match: [{sniHosts: [a.com]}], "
                "route: [{destination: {host: a.com}}]}, {match: [{sniHosts: [a.com]}], "
                "route: [{destination: {host: a.com}}]}]}",
            ),
            ['spec.http[0].match[0].headers["@request.auth.claims.sub"]', "spec.tls"],
        ),
    ],
    ids=["group", "alias", "service", "defaults", "claims"],
)
def test_whole_objects_values_and_names(text, paths):
    assert sorted(path for _, _, path in told(mesh(text), "not-yet-effective")) == paths
