"""What a rule names and is not there, or selects nothing: told once, with the field (reference §2.8)."""

import pytest
from tests.unit.rules.world import document, entry, mesh, mesh_config, rule, service, to, told

V1 = "subsets: [{name: v1, labels: {version: v1}}]"


def subsets(host: str, spec: str = V1, namespace: str = "default") -> str:
    return document("DestinationRule", "dr", f"{{host: {host!r}, {spec}}}", namespace)


@pytest.mark.parametrize(
    ("documents", "codes"),
    [
        ((entry("a", "a.com"), rule("r", "r.com", to("a.com"))), []),
        ((rule("r", "r.com", to("a.com")),), ["unknown-host"]),
        ((service("a", "far"), rule("r", "r.com", to("a"))), ["unknown-host"]),
        ((service("a", "far"), rule("r", "r.com", to("a.far"))), ["unknown-host"]),
        ((service("a", "far"), rule("r", "r.com", to("a.far.svc.cluster.local"))), []),
        ((entry("a", "a.com", "far", "exportTo: ['.']"), rule("r", "r.com", to("a.com"))), ["unknown-host"]),
        ((entry("a", "a.com", "far", "exportTo: [default]"), rule("r", "r.com", to("a.com"))), []),
        (
            (
                entry("a", "a.com", "far"),
                rule("r", "r.com", to("a.com")),
                mesh_config("{defaultServiceExportTo: ['.']}"),
            ),
            ["unknown-host"],
        ),
        # a name under a wildcard entry is no service
        (
            (entry("a", "'*.com'", rest="resolution: NONE"), rule("r", "r.com", to("a.com"))),
            ["unknown-host"],
        ),
    ],
)
def test_destinations(documents, codes):
    assert [code for code, _, _ in told(mesh(*documents))] == codes


@pytest.mark.parametrize(
    ("documents", "codes"),
    [
        ((subsets("a.com"),), []),
        ((subsets("a.com", namespace="far"),), []),
        ((subsets("a.com", f"{V1}, exportTo: ['.']", "far"),), ["unknown-subset"]),
        ((subsets("*.com"),), []),
        ((subsets("a.com"), document("DestinationRule", "own", "{host: '*.com', subsets: [{name: v2}]}")), []),
        (
            (
                subsets("a.com", namespace="far"),
                document("DestinationRule", "own", "{host: '*.com', subsets: [{name: v2}]}"),
            ),
            ["unknown-subset"],
        ),
    ],
)
def test_subsets_are_those_that_the_rules_namespace_sees(documents, codes):
    api = entry("a", "a.com", "far", "endpoints: [{address: 10.0.0.1, labels: {version: v1}}]")
    found = mesh(api, rule("r", "r.com", "[{route: [{destination: {host: a.com, subset: v1}}]}]"), *documents)
    assert [code for code, _, _ in told(found, "unknown-subset")] == codes


@pytest.mark.parametrize(
    ("host", "codes"),
    [
        ("a.com", []),
        ("*.com", []),
        ("x.wild.com", []),
        ("gone.com", ["unreferenced-host"]),
        ("a", ["unreferenced-host"]),
    ],
)
def test_policies_for_nobody(host, codes):
    found = mesh(
        entry("a", "a.com"),
        entry("wild", "'*.wild.com'", rest="resolution: NONE"),
        subsets(host, "subsets: [{name: all}]"),
    )
    assert [code for code, _, _ in told(found)] == codes


@pytest.mark.parametrize(
    ("labels", "codes"),
    [("{version: v1}", []), ("{version: v2}", ["empty-subset"]), ("{}", [])],
)
def test_subsets_of_nobody(labels, codes):
    found = mesh(
        entry("a", "a.com", rest="endpoints: [{address: 10.0.0.1, labels: {version: v1}}]"),
        subsets("a.com", f"subsets: [{{name: one, labels: {labels}}}]"),
    )
    assert [(code, path) for code, _, path in told(found)] == [(code, "spec.subsets[0].labels") for code in codes]


def test_a_deployment_that_would_be_selected_is_enough():
    documents = (
        (
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: default}\n"
            "spec: {template: {metadata: {labels: {app: web, version: v1}}}}\n"
        ),
        document("Service", "web", "{selector: {app: web}, ports: [{port: 80, name: http}]}"),
        document("Endpoints", "web", "subsets: [{addresses: [{ip: 10.0.0.1}], ports: [{name: http, port: 80}]}]\n"),
        subsets("web"),
    )
    assert told(mesh(*documents)) == []


def test_claims_that_nobody_verifies():
    http = (
        "[{match: [{headers: {'@request.auth.claims.sub': {}}, withoutHeaders: {'@request.auth.claims[a]': {}}}], "
        "directResponse: {status: 200}}]"
    )
    found = mesh(rule("r", "r.com", http, rest="gateways: [mesh, edge]"))
    paths = [
        'spec.http[0].match[0].headers["@request.auth.claims.sub"]',
        'spec.http[0].match[0].withoutHeaders["@request.auth.claims[a]"]',
    ]
    code = "jwt-claim-without-authentication"
    assert told(found, code) == [(code, "VirtualService default/r", path) for path in paths]


@pytest.mark.parametrize(
    ("rest", "fate"),
    [
        ("route: [{destination: {host: gone}}]", "requests get 503"),
        ("route: [{destination: {host: a.com}}], mirror: {host: gone}", "nothing is mirrored"),
        ("route: [{destination: {host: a.com}}], mirrors: [{destination: {host: gone}}]", "nothing is mirrored"),
    ],
)
def test_what_becomes_of_calls_is_told(rest, fate):
    found = mesh(entry("a", "a.com"), rule("r", "r.com", f"[{{{rest}}}]"))
    (message,) = (one.message for one in found.reports() if one.code == "unknown-host")
    assert fate in message


_POD = "spec: {containers: [{name: c, ports: [{name: web, containerPort: 8080}]}]}\nstatus: {podIP: 10.0.0.1}\n"
_LISTED = "subsets: [{addresses: [{ip: 10.0.0.9}], ports: [{name: http, port: 8080}]}]\n"
_DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: d, namespace: default}
spec:
  template:
    metadata: {labels: {app: a}}
    spec: {containers: [{name: c, ports: [{name: web, containerPort: 8080}]}]}
"""


def _aimed(target: str, more: str = "") -> str:
    return document(
        "Service", "a", f"{{selector: {{app: a}}, ports: [{{name: http, port: 80, targetPort: {target}{more}}}]}}"
    )


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        ((_aimed("wed"), document("Pod", "p", _POD, more="labels: {app: a}")), ["spec.ports[0].targetPort"]),
        ((_aimed("wed"), _DEPLOYMENT), ["spec.ports[0].targetPort"]),
        ((_aimed("web"), document("Pod", "p", _POD, more="labels: {app: a}")), []),
        ((_aimed("web"), _DEPLOYMENT), []),
        ((_aimed("81"), document("Pod", "p", _POD, more="labels: {app: a}")), []),
        ((_aimed("wed"), document("Pod", "p", _POD, more="labels: {app: other}")), []),
        ((_aimed("wed"),), []),
        (
            (
                _aimed("wed"),
                document("Pod", "p", _POD, more="labels: {app: a}"),
                document("Pod", "q", _POD.replace("web", "wed"), more="labels: {app: a}"),
            ),
            [],
        ),
        (
            (
                _aimed("wed"),
                document("Endpoints", "a", _LISTED),
                document("Pod", "p", _POD, more="labels: {app: a}"),
            ),
            [],
        ),
        ((_aimed("wed", ", protocol: UDP"), document("Pod", "p", _POD, more="labels: {app: a}")), []),
    ],
)
def test_the_name_of_a_target_port_is_one_that_some_instance_has(documents, expected):
    found = told(mesh(*documents))
    assert [path for code, _, path in found if code == "unknown-target-port"] == expected
    assert not [code for code, _, _ in found if code != "unknown-target-port"]
