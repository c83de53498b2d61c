"""How an Envoy process is to be started: settings of its workload, its namespace and the mesh, field by field.

First come first: the oldest ProxyConfig of the namespace that selects the workload, the workload's annotation
`proxy.istio.io/config`, the oldest ProxyConfig of the namespace without selector, that of the root namespace, the
mesh's `defaultConfig`. Maps are put together key by key.
It takes effect at the next start of the process. Source: Istio's documented precedence (reference §1.8).
"""

from collections.abc import Iterator

from pidalio.api.annotations import proxy_config_of
from pidalio.api.findings import Findings
from pidalio.api.object import Object
from pidalio.api.proxy_config import MeshProxyConfig, ProxyConfig
from pidalio.derive import Database, derived
from pidalio.ir import ProcessPlan, StatsPlan
from pidalio.model import Labels, labels_of
from pidalio.rules.mesh import mesh_config, root_namespace
from pidalio.store import tables

_METADATA = "ISTIO_META_"


@derived
def process_plan(world: Database, namespace: str, labels: Labels, annotation: str = "") -> ProcessPlan:
    """Return the settings of the process of the proxy with `labels`; `annotation` is its workload's own, as YAML."""
    stated = [
        *_selecting(world, namespace, labels),
        *([proxy_config_of(annotation, Findings())] if annotation else []),
        *_unselecting(world, namespace),
        *(_unselecting(world, root_namespace(world)) if namespace != root_namespace(world) else ()),
        mesh_config(world).default_config or MeshProxyConfig(),
    ]
    return _plan(stated)


def _selecting(world: Database, namespace: str, labels: Labels) -> Iterator[MeshProxyConfig]:
    own = set(labels)
    for row in _in_order(world, namespace):
        if row.spec.selector and row.spec.selector.match_labels and own.issuperset(row.spec.selector.match_labels):
            yield _as_default(row.spec)
            return


def _unselecting(world: Database, namespace: str) -> Iterator[MeshProxyConfig]:
    for row in _in_order(world, namespace):
        if not (row.spec.selector and row.spec.selector.match_labels):
            yield _as_default(row.spec)
            return


def _in_order(world: Database, namespace: str) -> list[Object[ProxyConfig]]:
    keys = tables.PROXY_CONFIGS_BY_NAMESPACE.keys(world, namespace)
    rows = [row for key in keys if (row := tables.PROXY_CONFIGS.get(world, key))]
    return sorted(rows, key=lambda row: (row.meta.created, row.meta.name))


def _as_default(spec: ProxyConfig) -> MeshProxyConfig:
    return MeshProxyConfig(concurrency=spec.concurrency, proxy_metadata=spec.environment_variables)


def _plan(stated: list[MeshProxyConfig]) -> ProcessPlan:
    """Put settings together, those that come first being the stronger."""
    variables = _merged([one.proxy_metadata for one in stated])
    stats = next((one.proxy_stats_matcher for one in stated if one.proxy_stats_matcher is not None), None)
    return ProcessPlan(
        concurrency=_first([one.concurrency for one in stated]),
        environment=variables,
        metadata=tuple(
            (name.removeprefix(_METADATA), value) for name, value in variables if name.startswith(_METADATA)
        ),
        drain=_first([one.drain_duration for one in stated]),
        termination=_first([one.termination_drain_duration for one in stated]),
        flush=_first([one.file_flush_interval for one in stated]),
        flush_kilobytes=_first([one.file_flush_min_size_kb for one in stated]),
        runtime=_merged([one.runtime_values for one in stated]),
        stats=StatsPlan(stats.inclusion_prefixes, stats.inclusion_suffixes, stats.inclusion_regexps)
        if stats
        else StatsPlan(),
        holds=bool(_first([one.hold_application_until_proxy_starts for one in stated])),
    )


def _first(values: list[int | None]) -> int | None:
    return next((value for value in values if value is not None), None)


def _merged(maps: list[Labels]) -> Labels:
    return labels_of({name: value for one in reversed(maps) for name, value in one})
