"""Nothing that users write is silently ignored: each field is honoured, or reported once (reference §1.1–1.6, §1.9)."""

import pytest
from tests.fields import matrix
from tests.fields.patterns import patterns
from tests.unit.rules.world import document, mesh, told

from pidalio.api.kinds import BY_NAME
from pidalio.rules.effective import not_yet_effective


def test_the_list_of_fields_is_as_agreed(request):
    """A field that is new in the API, newly compiled or newly refused shows here: it must not go by unnoticed."""
    if request.config.getoption("--golden-update"):
        matrix.write(matrix.refreshed(matrix.statuses(), matrix.kept()))
    assert [row._replace(proof="") for row in matrix.kept()] == list(matrix.statuses()), (
        "the fields that have an effect are others than those kept in tests/fields/matrix.txt; "
        "to accept, and to look for the tests that prove the new ones: python scripts/fields.py, then make docs"
    )


@pytest.mark.parametrize("kind", BY_NAME)
def test_a_field_is_reported_once(kind):
    for pattern, item in patterns(kind):
        found = list(not_yet_effective(item))
        assert len(found) <= 1, f"{kind} {pattern}: {found}"


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        (
            document(
                "WorkloadGroup",
                "group",
                "{metadata: {annotations: {proxy.istio.io/config: '{concurrency: 1, statusPort: 2}'}}, "
                "template: {labels: {a: b}, serviceAccount: x}, probe: {exec: {command: [x]}}}",
            ),
            ['spec.metadata.annotations["proxy.istio.io/config"]', "spec.template.serviceAccount"],
        ),
        (
            document(
                "Service",
                "web",
                "{ports: [{port: 80}], internalTrafficPolicy: Local, trafficDistribution: PreferClose}",
            ),
            [],
        ),
        (
            document("Service", "web", "{ports: [{port: 80}], internalTrafficPolicy: Cluster, sessionAffinity: None}"),
            [],
        ),
        (
            document(
                "VirtualService",
                "web",
                "{hosts: [a.com], http: [{match: [{headers: {y: {}}}], "
                "directResponse: {status: 200}}], tcp: [{match: [{port: 80}, {sourceSubnet: 10.0.0.0/8}], "
                "route: [{destination: {host: a.com}}]}]}",
            ),
            [],
        ),
    ],
    ids=["group", "service", "defaults", "field"],
)
def test_whole_objects_values_and_names(text, paths):
    assert sorted(path for _, _, path in told(mesh(text), "not-yet-effective")) == paths


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("{type: ExternalName, externalName: a.com}", []),
        (
            "{type: ExternalName, externalName: a.com, ports: [{port: 80, name: a}], selector: {app: a}}",
            ["spec.ports", "spec.selector"],
        ),
        (
            "{ports: [{port: 80, nodePort: 30080}, {port: 81}], externalIPs: [10.0.0.1], sessionAffinity: ClientIP}",
            ["spec.externalIPs", "spec.ports[0].nodePort", "spec.sessionAffinity"],
        ),
        ("{ports: [{port: 80}], sessionAffinity: None, internalTrafficPolicy: Cluster}", []),
    ],
    ids=["alias", "alias-with-more", "service", "defaults"],
)
def test_what_can_have_no_effect_is_told(text, paths):
    assert sorted(path for _, _, path in told(mesh(document("Service", "web", text)), "refused-field")) == paths
