"""What a well-typed object must also fulfil: the tables of mistakes, and objects about which nothing is said."""

import pytest
from tests.unit.api.mistakes import TABLES
from tests.unit.api.mistakes.kubernetes import KUBERNETES, PORTS, WORDS, manifest
from tests.unit.api.mistakes.shapes import HTTP, RULE, TO, entry, match, policy, rule, server

from pidalio.api import dump
from pidalio.api.codes import CODES
from pidalio.api.yaml_writer import write

from . import test_parse, test_yaml_reader
from .objects import findings, parsed, text_of

BAD = [pytest.param(kind, *case, id=f"{kind}-{name}") for kind, table in TABLES.items() for name, case in table.items()]


@pytest.mark.parametrize(("kind", "spec", "severity", "code", "path"), BAD)
def test_finds(kind, spec, severity, code, path):
    assert (severity, code, path) in findings(kind, spec)


@pytest.mark.parametrize(("version", "kind", "body", "paths"), KUBERNETES.values(), ids=KUBERNETES)
def test_addresses_of_the_platforms_kinds_are_addresses(version, kind, body, paths):
    found = parsed(manifest(version, kind, body))
    assert [(one.code, one.path) for one in found.reports] == [("bad-address", path) for path in paths]
    assert (found.object is None) == bool(paths)


@pytest.mark.parametrize(("version", "kind", "body", "paths"), PORTS.values(), ids=PORTS)
def test_ports_of_the_platforms_kinds_are_ports(version, kind, body, paths):
    found = parsed(manifest(version, kind, body))
    assert [(one.code, one.path) for one in found.reports] == [("bad-port", path) for path in paths]
    assert (found.object is None) == bool(paths)


@pytest.mark.parametrize(("line", "path"), WORDS.values(), ids=WORDS)
def test_a_word_of_a_service_that_means_nothing_is_told(line, path):
    found = parsed(manifest("v1", "Service", f"spec: {{{line}}}"))
    assert [(one.severity.name, one.code, one.path) for one in found.reports] == [("WARNING", "unknown-value", path)]
    assert found.object is not None


def test_a_gateways_name_is_a_label():
    assert ("error", "bad-name", "") in findings("Gateway", server(f"{HTTP}, hosts: ['*']"), "a.b")


GOOD = {
    "single-zero-weight": ("VirtualService", rule("", "route: [{destination: {host: b}, weight: 0}]")),
    "address-as-host": ("VirtualService", f"hosts: [1.2.3.4, '2001:db8::1']\n{RULE}"),
    "star-for-gateways": ("VirtualService", f"hosts: ['*']\ngateways: [ns/g]\n{RULE}"),
    "siblings-of-wildcard": ("VirtualService", f"hosts: ['*.a.com', a.com]\n{RULE}"),
    "empty-uri-prefix": ("VirtualService", match("uri: {prefix: ''}")),
    "star-regex-in-header": ("VirtualService", match("headers: {x: {regex: '*'}}")),
    "exact-empty-header": ("VirtualService", match("headers: {x: {exact: ''}}")),
    "claims": (
        "VirtualService",
        match("headers: {'@request.auth.claims[a][b]': {exact: c}}") + "\ngateways: [g, mesh]",
    ),
    "claims-of-a-delegate": (
        "VirtualService",
        "http: [{match: [{withoutHeaders: {'@request.auth.claims.a': {}}}], directResponse: {status: 200}}]",
    ),
    "delegate-with-answer": (
        "VirtualService",
        "hosts: [a]\nhttp: [{delegate: {name: b}, directResponse: {status: 200}}]",
    ),
    "retry-codes": ("VirtualService", rule("retries: {attempts: 2, retryOn: 'gateway-error, 429,reset'}")),
    "retries-off": ("VirtualService", rule("retries: {attempts: 0}")),
    "header-variables": (
        "VirtualService",
        rule("headers: {request: {set: {a: '%REQ(x-a?:path):10%', b: '100%%', Host: c}}}"),
    ),
    "redirect-port": ("VirtualService", rule("", "redirect: {derivePort: FROM_PROTOCOL_DEFAULT}")),
    "redirect-prefix": ("VirtualService", rule("match: [{uri: {prefix: /a}}]", "redirect: {prefixRewrite: /b}")),
    "delegate": (
        "VirtualService",
        "hosts: [a.com]\nhttp: [{match: [{uri: {prefix: /}}], delegate: {name: b, namespace: c}}]",
    ),
    "delegated": ("VirtualService", RULE),
    "rewrite-groups": (
        "VirtualService",
        rule(r"rewrite: {uriRegexRewrite: {match: '^/(a)/(.*)$', rewrite: '/\2/\1'}}"),
    ),
    "sni": ("VirtualService", f"hosts: ['*.a.com']\ntls: [{{match: [{{sniHosts: [b.a.com], port: 443}}], {TO}}}]"),
    "tcp": (
        "VirtualService",
        f"hosts: [a]\ntcp: [{{match: [{{destinationSubnets: [10.0.0.0/8, 1.2.3.4], port: 27017}}], {TO}}}]",
    ),
    "empty-subset-labels": ("DestinationRule", "host: '*.a.com'\nsubsets: [{name: all}]"),
    "empty-outlier": ("DestinationRule", policy("outlierDetection: {}")),
    "locality": (
        "DestinationRule",
        policy(
            "loadBalancer: {localityLbSetting: {distribute: [{from: r1/z1/*, to: {r1/z1/*: 80, r2/z2/*: 20}}, {from: r2/*, to: {r2/*: 100}}]}}"
        ),
    ),
    "maglev": (
        "DestinationRule",
        policy("loadBalancer: {consistentHash: {httpHeaderName: x, maglev: {tableSize: 65537}}}"),
    ),
    "mutual": (
        "DestinationRule",
        policy("tls: {mode: MUTUAL, clientCertificate: /c, privateKey: /k, caCertificates: /a}"),
    ),
    "redirecting-gateway": (
        "Gateway",
        server(f"{HTTP}, hosts: ['*/a.com', ./b.com, 'ns/*.c.com'], tls: {{httpsRedirect: true}}"),
    ),
    "https-gateway": (
        "Gateway",
        server("port: {number: 443, name: a, protocol: https}, hosts: ['*'], tls: {mode: MUTUAL, credentialName: x}"),
    ),
    "external-dns": ("ServiceEntry", entry("resolution: DNS\nlocation: MESH_EXTERNAL")),
    "static": (
        "ServiceEntry",
        entry("resolution: STATIC\nendpoints: [{address: 1.2.3.4, ports: {http: 8080}}, {address: 'unix:///s'}]"),
    ),
    "dynamic": ("ServiceEntry", entry("resolution: DYNAMIC_DNS", "'*.a.com'")),
    "hidden": ("ServiceEntry", entry("exportTo: ['~']")),
    "entry": ("WorkloadEntry", "address: vm.example.com\nports: {http: 8080}\nlocality: r/z\nserviceAccount: sa"),
    "entry-with-network": ("WorkloadEntry", "network: n1"),
    "group": (
        "WorkloadGroup",
        "metadata: {labels: {a: b}}\ntemplate: {serviceAccount: sa}\nprobe: {httpGet: {port: 80}}",
    ),
    "egress": (
        "Sidecar",
        "egress: [{port: {number: 80, protocol: HTTP, name: h}, bind: 127.0.0.1, captureMode: NONE, hosts: ['prod/*.a.com']}, {hosts: ['./*', '~/*', '*/b.com']}]",
    ),
    "ingress": (
        "Sidecar",
        "ingress: [{port: {number: 80, protocol: HTTP, name: h}, defaultEndpoint: '127.0.0.1:8080'}]",
    ),
    "empty-policy": ("Sidecar", "outboundTrafficPolicy: {}"),
    "mesh": (
        "MeshConfig",
        "connectTimeout: 5s\ndefaultServiceExportTo: ['~']\ndefaultConfig: {proxyHeaders: {server: {disabled: true}}}",
    ),
    "workload": (
        "LocalWorkload",
        "command: [python, app.py, $(PORT)]\nreplicas: 3\nlabels: {app: a}\nports: [{name: http, port: 80, protocol: HTTP}]\nenvironment: {A: b}\nprobe: {exec: {command: ['true']}, periodSeconds: 1}",
    ),
}


@pytest.mark.parametrize(("kind", "spec"), GOOD.values(), ids=GOOD)
def test_accepts_without_a_word(kind, spec):
    assert findings(kind, spec) == set()


@pytest.mark.parametrize(("kind", "spec"), GOOD.values(), ids=GOOD)
def test_what_is_dumped_is_the_same_object(kind, spec):
    found = parsed(text_of(kind, spec)).object
    assert parsed(write([dump(found)])).object == found


def test_every_code_is_reached_by_some_bad_input():
    tables = [table for kinds in TABLES.values() for table in kinds.values()]
    reached = {case[2] for case in tables}
    reached |= {case[1] for table in (test_yaml_reader.BROKEN, test_yaml_reader.INSIDE) for case in table.values()}
    reached |= {case[1] for table in (test_parse.TYPES, test_parse.OBJECTS) for case in table.values()}
    reached |= {"unknown-value", "misplaced-annotation", "unknown-annotation"}  # test_parse: HINTS, MISPLACED
    assert set(CODES) - reached == set()
