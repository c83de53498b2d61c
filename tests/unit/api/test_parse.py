"""Types, names and metadata: every mistake of an object at once, each with path and line."""

import pytest

from pidalio.api import load
from pidalio.api.strings import StringMatch
from pidalio.api.virtual_service import HTTPMatchRequest, VirtualService
from pidalio.model import ObjectRef, Place, Severity

from .objects import findings, parsed, spec_of, text_of

RULE = "hosts: [a]\nhttp: [{route: [{destination: {host: b}}]}]"


def test_a_virtual_service_with_every_common_form():
    spec = spec_of(
        "VirtualService",
        """
        hosts: [reviews]
        exportTo: ["."]
        http:
        - name: canary
          match:
          - uri: {prefix: /api}
            headers: {z: {regex: ".*"}, a: {exact: b}, present: {}, nothing: null}
            sourceLabels: {version: v1, app: web}
          route:
          - {destination: {host: reviews, subset: v1, port: {number: "80"}}, weight: 90}
          - {destination: {host: reviews, subset: v2}, weight: 10.0}
          timeout: 1.5s
          fault: {delay: {fixedDelay: 5m, percentage: {value: 0.5}}}
          cors_policy: {allow_origins: [{exact: x}], unmatchedPreflights: IGNORE, max_age: 24h}
        """,
    )
    rule = spec.http[0]
    assert rule.match == (
        HTTPMatchRequest(
            uri=StringMatch(prefix="/api"),
            headers=(
                ("a", StringMatch(exact="b")),
                ("nothing", StringMatch()),
                ("present", StringMatch()),
                ("z", StringMatch(regex=".*")),
            ),
            source_labels=(("app", "web"), ("version", "v1")),
        ),
    )
    assert [(d.destination.subset, d.weight) for d in rule.route] == [("v1", 90), ("v2", 10)]
    assert rule.route[0].destination.port.number == 80
    assert (rule.timeout, rule.fault.delay.fixed_delay, rule.fault.delay.percentage) == (1500, 300_000, 0.5)
    assert rule.cors_policy.max_age == 86_400_000
    assert rule.retries is None
    assert hash(spec) == hash(spec)


VERSIONS = ["v1", "v1beta1", "v1alpha3"]


@pytest.mark.parametrize("version", VERSIONS)
def test_all_versions_are_one(version):
    text = text_of("VirtualService", RULE)
    assert parsed(text.replace("/v1", f"/{version}")).object == parsed(text).object


def test_nulls_are_unset():
    assert spec_of("VirtualService", RULE + "\ngateways: null\ntls:\n") == spec_of("VirtualService", RULE)


def test_metadata():
    text = text_of("VirtualService", RULE).replace(
        "metadata: {name: x}",
        """\
metadata:
  name: x
  namespace: prod
  labels: {b: "2", a: "1"}
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: "{}"
    networking.istio.io/exportTo: "."
    company.example/ticket: "5"
  creationTimestamp: "2024-01-01T00:00:00Z"
  uid: abc
  managedFields: [{manager: kubectl}]
status: {conditions: []}""",
    )
    meta = parsed(text).object.meta
    assert (meta.namespace, meta.name, meta.created) == ("prod", "x", "2024-01-01T00:00:00Z")
    assert meta.labels == (("a", "1"), ("b", "2"))
    assert meta.annotations == (("networking.istio.io/exportTo", "."),)


def test_the_namespace_has_a_default():
    text = text_of("VirtualService", RULE)
    assert load(text, "f").parsed[0].ref == ObjectRef("VirtualService", "default", "x")
    assert load(text, "f", "prod").parsed[0].ref == ObjectRef("VirtualService", "prod", "x")


def test_mesh_config_has_no_namespace():
    assert parsed(text_of("MeshConfig", "connectTimeout: 5s")).ref == ObjectRef("MeshConfig", "", "x")


def test_lines_comments_and_foreign_annotations_change_no_object():
    text = text_of("VirtualService", RULE)
    moved = "# a comment\n\n" + text.replace("{name: x}", "{annotations: {foo: bar}, name: x}")
    assert parsed(moved).object == parsed(text).object
    assert parsed(moved).places.line("spec.hosts") == parsed(text).places.line("spec.hosts") + 2


def test_every_mistake_is_told_at_once_with_its_line():
    result = parsed(
        text_of(
            "VirtualService",
            """
            hosts: reviews
            http:
            - matches: []
              timeout: 5
              route:
              - destination: {host: "*.com"}
                weight: many
            - retry: {}
              redirect: {}
            """,
        )
    )
    assert result.object is None
    assert result.ref == ObjectRef("VirtualService", "default", "x")
    assert [(r.code, r.path, r.place) for r in sorted(result.reports, key=lambda r: r.place)] == [
        ("wrong-type", "spec.hosts", Place("f.yaml", 5)),
        ("unknown-field", "spec.http[0].matches", Place("f.yaml", 7)),
        ("wrong-type", "spec.http[0].timeout", Place("f.yaml", 8)),
        ("bad-host", "spec.http[0].route[0].destination.host", Place("f.yaml", 10)),
        ("wrong-type", "spec.http[0].route[0].weight", Place("f.yaml", 11)),
        ("unknown-field", "spec.http[1].retry", Place("f.yaml", 12)),
        ("bad-redirect", "spec.http[1].redirect", Place("f.yaml", 13)),
    ]


HINTS = {
    "field": ("VirtualService", "hosts: [a]\nhttp: [{rout: []}]", "did you mean 'route'?"),
    "top-field": ("VirtualService", "host: [a]", "did you mean 'hosts'?"),
    "enum": ("DestinationRule", "host: a\ntrafficPolicy: {loadBalancer: {simple: ROUND_ROBBIN}}", "'ROUND_ROBIN'?"),
    "case": ("DestinationRule", "host: a\ntrafficPolicy: {loadbalancer: {}}", "did you mean 'loadBalancer'?"),
    "label-number": ("DestinationRule", "host: a\nsubsets: [{name: v1, labels: {version: 1}}]", 'in quotes ("1")'),
    "label-bool": ("DestinationRule", "host: a\nsubsets: [{name: v1, labels: {canary: true}}]", 'in quotes ("true")'),
    "duration": ("VirtualService", "hosts: [a]\nhttp: [{timeout: 5}]", '"5s"'),
    "protocol": ("Gateway", "servers: [{port: {number: 80, name: a, protocol: HTTPP}, hosts: ['*']}]", "'HTTP'?"),
}


@pytest.mark.parametrize(("kind", "spec", "hint"), HINTS.values(), ids=HINTS)
def test_messages_say_what_was_probably_meant(kind, spec, hint):
    assert any(hint in report.message for report in parsed(text_of(kind, spec)).reports)


TYPES = {
    "map-for-list": ("hosts: {a: b}", "wrong-type", "hosts"),
    "text-for-map": ("hosts: [a]\nhttp: [x]", "wrong-type", "http[0]"),
    "null-entry": ("hosts: [a]\nhttp: [null]", "wrong-type", "http[0]"),
    "number-for-text": ("hosts: [5]", "wrong-type", "hosts[0]"),
    "text-for-bool": ("http: [{match: [{ignoreUriCase: 'yes'}]}]", "wrong-type", "http[0].match[0].ignoreUriCase"),
    "number-for-enum": (
        "http: [{corsPolicy: {unmatchedPreflights: 1}}]",
        "wrong-type",
        "http[0].corsPolicy.unmatchedPreflights",
    ),
    "fraction-for-int": ("http: [{route: [{weight: 1.5}]}]", "wrong-type", "http[0].route[0].weight"),
    "bool-for-int": ("http: [{route: [{weight: true}]}]", "wrong-type", "http[0].route[0].weight"),
    "huge-int": ("http: [{route: [{weight: 99999999999999}]}]", "out-of-range", "http[0].route[0].weight"),
    "endless-int": ("http: [{route: [{weight: " + "9" * 5000 + "}]}]", "wrong-type", "http[0].route[0].weight"),
    "bad-duration": ("http: [{timeout: soon}]", "bad-duration", "http[0].timeout"),
    "negative-duration": ("http: [{timeout: -1s}]", "bad-duration", "http[0].timeout"),
    "too-fine-duration": ("http: [{timeout: 1.0001s}]", "bad-duration", "http[0].timeout"),
    "list-for-duration": ("http: [{timeout: []}]", "wrong-type", "http[0].timeout"),
    "percent-plain": ("http: [{mirrorPercentage: 50}]", "wrong-type", "http[0].mirrorPercentage"),
    "percent-large": ("http: [{mirrorPercentage: {value: 101}}]", "bad-percent", "http[0].mirrorPercentage.value"),
    "percent-small": ("http: [{mirrorPercentage: {value: 0.00001}}]", "bad-percent", "http[0].mirrorPercentage.value"),
    "percent-text": ("http: [{mirrorPercentage: {value: x}}]", "wrong-type", "http[0].mirrorPercentage.value"),
    "percent-infinite": ("http: [{mirrorPercentage: {value: .inf}}]", "out-of-range", "http[0].mirrorPercentage.value"),
    "percent-field": ("http: [{mirrorPercentage: {valu: 5}}]", "unknown-field", "http[0].mirrorPercentage.valu"),
    "two-of-a-oneof": (
        "http: [{match: [{uri: {exact: /a, prefix: /b}}]}]",
        "oneof-conflict",
        "http[0].match[0].uri.prefix",
    ),
    "both-spellings": ("exportTo: ['.']\nexport_to: ['.']", "field-twice", "export_to"),
    "not-base64": (
        "http: [{directResponse: {status: 200, body: {bytes: '*'}}}]",
        "bad-base64",
        "http[0].directResponse.body.bytes",
    ),
    "map-for-text": ("hosts: [{a: b}]", "wrong-type", "hosts[0]"),
    "list-for-number": ("http: [{mirrorPercentage: {value: [1]}}]", "wrong-type", "http[0].mirrorPercentage.value"),
    "number-for-base64": (
        "http: [{directResponse: {status: 200, body: {bytes: 5}}}]",
        "wrong-type",
        "http[0].directResponse.body.bytes",
    ),
    "map-of-text": ("http: [{match: [{sourceLabels: [a]}]}]", "wrong-type", "http[0].match[0].sourceLabels"),
}


@pytest.mark.parametrize(("spec", "code", "path"), TYPES.values(), ids=TYPES)
def test_types(spec, code, path):
    assert ("error", code, path) in findings("VirtualService", spec)


def test_what_nothing_reads_is_kept_as_canonical_json():
    assert (
        spec_of("MeshConfig", "ca: {b: 99999999999999999999999, a: [x]}").ca
        == '{"a":["x"],"b":99999999999999999999999}'
    )


OBJECTS = {
    "text": ("hello", "not-an-object", ""),
    "list": ("[1]", "not-an-object", ""),
    "no-kind": ("apiVersion: v1", "not-an-object", "kind"),
    "no-api-version": ("kind: VirtualService", "not-an-object", "apiVersion"),
    "kind-is-a-number": ("apiVersion: v1\nkind: 5", "not-an-object", "kind"),
    "misspelt-kind": ("apiVersion: networking.istio.io/v1\nkind: VirtualServise", "unknown-kind", "kind"),
    "unknown-own-kind": ("apiVersion: pidalio.dev/v1\nkind: Workload", "unknown-kind", "kind"),
    "unknown-version": ("apiVersion: networking.istio.io/v7\nkind: Gateway", "unknown-version", "apiVersion"),
    "no-metadata": ("apiVersion: v1\nkind: Service", "missing-name", "metadata"),
    "metadata-is-text": ("apiVersion: v1\nkind: Service\nmetadata: x", "missing-name", "metadata"),
    "no-name": ("apiVersion: v1\nkind: Service\nmetadata: {}", "missing-name", "metadata.name"),
    "name-is-a-number": ("apiVersion: v1\nkind: Service\nmetadata: {name: 5}", "wrong-type", "metadata.name"),
    "upper-case-name": ("apiVersion: v1\nkind: Service\nmetadata: {name: Web}", "bad-name", "metadata.name"),
    "bad-namespace": (
        "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: a.b}",
        "bad-name",
        "metadata.namespace",
    ),
    "label-is-a-number": (
        "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {v: 1}}",
        "wrong-type",
        "metadata.labels.v",
    ),
    "labels-are-a-list": (
        "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: [v]}",
        "wrong-type",
        "metadata.labels",
    ),
    "bad-label": (
        "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {v: 'a b'}}",
        "bad-label",
        "metadata.labels.v",
    ),
    "metadata-field": (
        text_of("VirtualService", RULE).replace("{name: x}", "{name: x, label: {}}"),
        "unknown-field",
        "metadata.label",
    ),
    "list-for-port": (
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80, targetPort: []}]}",
        "wrong-type",
        "spec.ports[0].targetPort",
    ),
    "settings-of-the-proxy": (
        (
            "apiVersion: pidalio.dev/v1\nkind: LocalWorkload\nmetadata: {name: a, "
            "annotations: {proxy.istio.io/config: 'concurrency: many'}}\nspec: {command: [x]}"
        ),
        "wrong-type",
        'metadata.annotations["proxy.istio.io/config"]',
    ),
    "resilience-unknown": (
        "apiVersion: v1\nkind: Service\nmetadata: {name: a, annotations: {pidalio.dev/resilience: bold}}",
        "unknown-value",
        'metadata.annotations["pidalio.dev/resilience"]',
    ),
    "overrides-unknown": (
        "apiVersion: pidalio.dev/v1\nkind: MeshConfig\nmetadata: {name: a, annotations: {pidalio.dev/caller-overrides: 'no'}}",
        "unknown-value",
        'metadata.annotations["pidalio.dev/caller-overrides"]',
    ),
    "field-beside-spec": (text_of("VirtualService", RULE) + "hosts: [a]", "unknown-field", "hosts"),
    "spec-is-a-list": (
        "apiVersion: pidalio.dev/v1\nkind: MeshConfig\nmetadata: {name: a}\nspec: []",
        "wrong-type",
        "spec",
    ),
    "duplicate-key": (text_of("VirtualService", RULE + "\nhosts: [b]"), "duplicate-key", "spec"),
}


MISPLACED = {
    name: (
        text_of("VirtualService", RULE).replace("{name: x}", f"{{name: x, annotations: {{{name}: {word}}}}}"),
        f'metadata.annotations["{name}"]',
    )
    for name, word in (
        ("pidalio.dev/resilience", "safe"),
        ("pidalio.dev/caller-overrides", "ignored"),
        ("pidalio.dev/calls", "a"),
    )
} | {
    "second-name": (
        "apiVersion: v1\nkind: Service\nmetadata: {name: a, annotations: {pidalio.dev/resilience: safe}}\nspec: {type: ExternalName, externalName: b.test}\n",
        "spec.externalName",
    )
}
"""An annotation where it means nothing, and what is told of it."""


@pytest.mark.parametrize(("text", "path"), MISPLACED.values(), ids=MISPLACED)
def test_an_annotation_that_means_nothing_is_told(text, path):
    result = parsed(text)
    assert [(one.severity, one.code, one.path) for one in result.reports] == [
        (Severity.WARNING, "misplaced-annotation", path)
    ]
    assert result.object is not None


UNKNOWN_ANNOTATION = text_of("VirtualService", RULE).replace(
    "{name: x}", "{name: x, annotations: {pidalio.dev/resillience: safe, other.dev/resilience: safe}}"
)


def test_an_annotation_of_ours_that_nobody_reads_is_told():
    (report,) = parsed(UNKNOWN_ANNOTATION).reports
    assert (report.severity, report.code) == (Severity.WARNING, "unknown-annotation")
    assert "did you mean 'pidalio.dev/resilience'?" in report.message


@pytest.mark.parametrize(("text", "code", "path"), OBJECTS.values(), ids=OBJECTS)
def test_objects(text, code, path):
    result = parsed(text)
    assert result.object is None
    assert (code, path) in [(report.code, report.path) for report in result.reports]


def test_kubernetes_kinds_ignore_what_is_not_read():
    text = "apiVersion: v1\nkind: Service\nextra: 1\nmetadata: {name: a, extra: 1}\nspec: {ports: [{port: 80, targetPort: 8080, x: 1}], y: 2}"
    result = parsed(text)
    assert result.reports == ()
    assert result.object.spec.ports[0].target_port == "8080"


def test_a_pod_is_read_with_its_status():
    text = """\
apiVersion: v1
kind: Pod
metadata: {name: a, deletionTimestamp: "2024-01-01T00:00:00Z"}
spec: {serviceAccountName: sa, containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}
status: {podIP: 10.0.0.7, podIPs: [{ip: 10.0.0.7}], phase: Running, conditions: [{type: Ready, status: "True"}]}
"""
    found = parsed(text).object
    assert (found.spec.status.pod_ip, found.spec.spec.containers[0].ports[0].name) == ("10.0.0.7", "http")
    assert found.meta.deleting


def test_validation_does_not_repeat_what_could_not_be_read():
    # `hosts` is misspelt: that the object then has no hosts is no news.
    assert findings("VirtualService", "hots: [a]\ngateways: [g]\nhttp: [{route: [{destination: {host: b}}]}]") == {
        ("error", "unknown-field", "hots")
    }


def test_warnings_do_not_refuse():
    result = parsed(
        text_of("VirtualService", "hosts: [a]\nhttp: [{match: [{uri: {prefix: api}}], redirect: {uri: /}}]")
    )
    assert [report.severity for report in result.reports] == [Severity.WARNING]
    assert isinstance(result.object.spec, VirtualService)
