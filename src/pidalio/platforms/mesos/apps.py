"""Marathon's apps and their tasks, as instances.

An address is chosen by network mode: `host` and `container/bridge` are called at the host's ports, `container` at the
container's own address. A task that an older version of its app started bears that version's definition.
Malformed parts do not decode (`msgspec.ValidationError`). Pure.
Source: Marathon, REST API v2, `App` and `Task`; "Networking".
"""

from collections.abc import Mapping

import msgspec

from pidalio.model import Health, Locality
from pidalio.platforms.mesos.instances import (
    ROUTABLE,
    SERVICE,
    Instance,
    PortNumber,
    Spec,
    SpecPort,
    kept_labels,
    reversed_path,
)
from pidalio.platforms.mesos.ports import spec_port

HOST, BRIDGE, CONTAINER = "host", "container/bridge", "container"


class Network(msgspec.Struct, frozen=True, gc=False):
    """A network that an app or a pod is in."""

    mode: str = HOST


class PortDefinition(msgspec.Struct, frozen=True, gc=False):
    """A port on the host; `port` is the service port."""

    port: PortNumber = 0
    name: str | None = None
    protocol: str = "tcp"
    labels: dict[str, str] | None = None


class PortMapping(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A port in a container."""

    container_port: PortNumber = 0
    host_port: PortNumber | None = None
    service_port: PortNumber = 0
    name: str | None = None
    protocol: str = "tcp"
    labels: dict[str, str] | None = None


class OldDocker(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Where Marathon before 1.5 says how a container is connected."""

    network: str | None = None
    port_mappings: tuple[PortMapping, ...] | None = None


class Container(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What an app runs in."""

    port_mappings: tuple[PortMapping, ...] | None = None
    docker: OldDocker | None = None


class CheckResult(msgspec.Struct, frozen=True, gc=False):
    """What one check found."""

    alive: bool = False


class Readiness(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What one readiness check found."""

    task_id: str
    ready: bool


class IpAddress(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """An address of a container."""

    ip_address: str


class AppTask(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One task of an app."""

    id: str
    host: str = ""
    ports: tuple[PortNumber, ...] | None = None
    state: str = ""
    started_at: str | None = None
    version: str = ""
    ip_addresses: tuple[IpAddress, ...] | None = None
    health_check_results: tuple[CheckResult | None, ...] | None = None
    region: str | None = None
    zone: str | None = None


class App(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One app, or one version of it."""

    id: str
    labels: dict[str, str] | None = None
    networks: tuple[Network, ...] | None = None
    port_definitions: tuple[PortDefinition, ...] | None = None
    container: Container | None = None
    health_checks: tuple[msgspec.Raw, ...] | None = None
    version: str = ""
    version_info: dict[str, str] | None = None
    tasks: tuple[msgspec.Raw, ...] | None = None
    readiness_check_results: tuple[Readiness, ...] | None = None

    @property
    def mode(self) -> str:
        """Return the network mode."""
        if self.networks:
            return self.networks[0].mode
        old = (self.container.docker.network if self.container and self.container.docker else "") or ""
        return {"BRIDGE": BRIDGE, "USER": CONTAINER}.get(old, HOST)

    @property
    def config_version(self) -> str:
        """Return the version that tasks of the newest definition bear: scaling makes no other."""
        return (self.version_info or {}).get("lastConfigChangeAt", "") or self.version


class Apps(msgspec.Struct, frozen=True, gc=False):
    """All apps."""

    apps: tuple[msgspec.Raw, ...]


class OneApp(msgspec.Struct, frozen=True, gc=False):
    """The answer about one app."""

    app: msgspec.Raw


def spec_of(app: App, framework: str) -> Spec:
    """Return what callers see of an app."""
    labels = app.labels or {}
    return Spec(
        framework=framework,
        name=reversed_path(app.id),
        ports=_ports(app),
        labels=kept_labels(labels.items()),
        service=labels.get(SERVICE, ""),
        in_container=app.mode == CONTAINER,
    )


def _ports(app: App) -> tuple[SpecPort, ...]:
    if app.mode == HOST:
        return tuple(
            spec_port(one.labels or {}, position=at, name=one.name or "", transport=one.protocol, stable=one.port)
            for at, one in enumerate(app.port_definitions or ())
        )
    box = app.container or Container()
    mappings = box.port_mappings or (box.docker.port_mappings if box.docker else None) or ()
    return tuple(
        spec_port(
            one.labels or {},
            position=at,
            name=one.name or "",
            transport=one.protocol,
            stable=one.service_port,
            inside=one.container_port,
        )
        for at, one in enumerate(mappings)
    )


def instance_of(app: App, task: AppTask, spec: Spec) -> Instance | None:
    """Return a task of `app` as an instance, None where there is nothing to call; `spec` is its own version's."""
    state = task.state or ("TASK_RUNNING" if task.started_at else "TASK_STAGING")
    if state not in ROUTABLE:
        return None
    return Instance(
        id=task.id,
        spec=spec,
        host=task.host,
        host_ports=task.ports or (),
        address=task.ip_addresses[0].ip_address if task.ip_addresses else "",
        state=ROUTABLE[state],
        health=_health(app, task),
        locality=Locality(task.region or "", task.zone or ""),
        node=task.host,
    )


def _health(app: App, task: AppTask) -> Health:
    """Return what checks say: one that has not succeeded yet counts as failed, as does a task that is not ready."""
    ready: Mapping[str, bool] = {one.task_id: one.ready for one in app.readiness_check_results or ()}
    results = [one for one in task.health_check_results or () if one is not None]
    is_well = all(one.alive for one in results) and (bool(results) or not app.health_checks)
    return Health.HEALTHY if is_well and ready.get(task.id, True) else Health.UNHEALTHY
