"""How Envoy processes are to be started: who decides each setting (reference §1.8)."""

import pytest
from tests.unit.rules.world import document, mesh, mesh_config

from pidalio.ir import StatsPlan
from pidalio.model import labels_of
from pidalio.rules.process import process_plan

BETA = "networking.istio.io/v1beta1"
LABELS = labels_of({"app": "web", "version": "v1"})


def config(name, spec, namespace="default", created=""):
    return document("ProxyConfig", name, spec, namespace, created=created, group=BETA)


MESH = mesh_config("{rootNamespace: roots, defaultConfig: {concurrency: 1, proxyMetadata: {A: mesh, M: mesh}}}")
ROOT = config("root", "{concurrency: 2, environmentVariables: {A: root}}", "roots")
NAMESPACE = config("all", "{concurrency: 3, environmentVariables: {A: namespace}}")
WORKLOAD = config("web", "{selector: {matchLabels: {app: web}}, concurrency: 5, environmentVariables: {A: own}}")
OTHER = config("other", "{selector: {matchLabels: {app: other}}, concurrency: 7}")


@pytest.mark.parametrize(
    ("documents", "annotation", "workers", "variable"),
    [
        pytest.param((MESH,), "", 1, "mesh", id="mesh"),
        pytest.param((MESH, ROOT), "", 2, "root", id="root-namespace"),
        pytest.param((MESH, ROOT, NAMESPACE), "", 3, "namespace", id="namespace"),
        pytest.param((MESH, ROOT, NAMESPACE), "{concurrency: 4, proxyMetadata: {A: note}}", 4, "note", id="annotation"),
        pytest.param(
            (MESH, NAMESPACE, WORKLOAD), "{concurrency: 4, proxyMetadata: {A: note}}", 5, "own", id="workload"
        ),
        pytest.param((MESH, OTHER), "", 1, "mesh", id="others"),
    ],
)
def test_the_nearest_decides(documents, annotation, workers, variable):
    plan = process_plan(mesh(*documents).world, "default", LABELS, annotation)
    assert (plan.concurrency, dict(plan.environment)["A"]) == (workers, variable)


def test_settings_are_put_together_field_by_field_and_key_by_key():
    own = config("web", "{selector: {matchLabels: {app: web}}, environmentVariables: {A: own}}")
    plan = process_plan(mesh(MESH, own).world, "default", LABELS)
    assert plan.concurrency == 1
    assert plan.environment == (("A", "own"), ("M", "mesh"))


@pytest.mark.parametrize("order", [1, -1])
def test_of_equals_the_oldest_counts_alone(order):
    texts = (
        config("a", "{concurrency: 2}", created="2024-01-02T00:00:00Z"),
        config("b", "{environmentVariables: {A: b}}", created="2024-01-01T00:00:00Z"),
    )
    plan = process_plan(mesh(*texts[::order]).world, "default", LABELS)
    assert (plan.concurrency, plan.environment) == (None, (("A", "b"),))


def test_a_selector_of_the_root_namespace_selects_there_only():
    root = config("root", "{selector: {matchLabels: {app: web}}, concurrency: 2}", "roots")
    world = mesh(MESH, root).world
    assert process_plan(world, "default", LABELS).concurrency == 1
    assert process_plan(world, "roots", LABELS).concurrency == 2


def test_what_the_mesh_may_say_of_every_process():
    spec = """{defaultConfig: {
      drainDuration: 45s, terminationDrainDuration: 7s, fileFlushInterval: 2s, fileFlushMinSizeKb: 8,
      holdApplicationUntilProxyStarts: true, runtimeValues: {envoy.a: "true"}, proxyMetadata: {ISTIO_META_ZONE: a},
      proxyStatsMatcher: {inclusionPrefixes: [a], inclusionSuffixes: [b], inclusionRegexps: [c]}}}"""
    plan = process_plan(mesh(mesh_config(spec)).world, "default", LABELS)
    assert (plan.drain, plan.termination, plan.flush, plan.flush_kilobytes) == (45_000, 7_000, 2_000, 8)
    assert (plan.holds, plan.runtime) == (True, (("envoy.a", "true"),))
    assert (plan.environment, plan.metadata) == ((("ISTIO_META_ZONE", "a"),), (("ZONE", "a"),))
    assert plan.stats == StatsPlan(("a",), ("b",), ("c",))


def test_a_mistake_in_an_annotation_costs_its_field_only():
    plan = process_plan(mesh().world, "default", LABELS, "{concurrency: many, drainDuration: 3s, unknown: 1}")
    assert (plan.concurrency, plan.drain) == (None, 3_000)


def test_without_settings_everything_is_left_to_who_starts_it():
    plan = process_plan(mesh().world, "default", LABELS)
    assert (plan.concurrency, plan.drain, plan.holds) == (None, None, False)
