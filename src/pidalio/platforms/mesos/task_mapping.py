"""A task of the master as an instance: what it is called, its ports, where it is called. Pure.

Where Marathon told what the task's app looks like (`specs`), ports are numbered by that; else by what the task
announces itself. A number among the host ports that Mesos handed out is a host's, any other a container's.
"""

from collections.abc import Mapping

import msgspec

from pidalio.model import Health, Locality, parse_locality
from pidalio.platforms.mesos import words
from pidalio.platforms.mesos.instances import ROUTABLE, SERVICE, Instance, Spec, kept_labels
from pidalio.platforms.mesos.ports import spec_port


def instance_of(task: words.Task, framework: str, agent: words.Agent | None, specs: Mapping[str, Spec]) -> Instance:
    """Return a task that can be called as an instance."""
    discovery = task.discovery or words.Discovery()
    own = _own_spec(task, discovery, framework)
    known = specs.get(own.group)
    spec = own if known is None else _versioned(known, own)
    return Instance(
        id=task.task_id.value,
        spec=spec,
        host=agent.agent_info.hostname if agent else "",
        host_ports=_host_ports(task, discovery, spec, own),
        address=next((one.address for one in reversed(task.statuses) if one.address), ""),
        state=ROUTABLE[task.state],
        health=_health(task),
        locality=_locality(agent, discovery),
        node=agent.agent_info.hostname if agent else "",
    )


def _own_spec(task: words.Task, discovery: words.Discovery, framework: str) -> Spec:
    """Return what the task itself says callers see."""
    labels = dict(task.labels.pairs()) | dict(discovery.labels.pairs())
    given = _given(task)
    ports = []
    for position, one in enumerate(discovery.ports.ports):
        inside = 0 if one.number in given else one.number
        stated = dict(one.labels.pairs())
        ports.append(spec_port(stated, position=position, name=one.name, transport=one.protocol, inside=inside))
    return Spec(
        framework=framework,
        name=discovery.name or task.name,
        ports=tuple(ports),
        labels=kept_labels(labels.items(), discovery.version),
        service=labels.get(SERVICE, ""),
        in_container=bool(ports) and all(port.inside for port in ports) and not _is_on_host(task),
    )


def _versioned(known: Spec, own: Spec) -> Spec:
    """Return the app's spec as this task has it: its own labels, which say its version, where it has any."""
    return (
        msgspec.structs.replace(known, labels=own.labels, service=own.service or known.service) if own.labels else known
    )


def _given(task: words.Task) -> set[int]:
    """Return the host ports that the task was given."""
    ranges = [one.ranges for one in task.resources if one.name == "ports" and one.ranges]
    return {number for each in ranges for one in each.range for number in range(one.begin, min(one.end, 65535) + 1)}


def _is_on_host(task: words.Task) -> bool:
    """Tell whether the task shares its host's network."""
    if task.container is None:
        return True
    if task.container.docker is not None and task.container.docker.network:
        return task.container.docker.network == "HOST"
    return not task.container.network_infos


def _host_ports(task: words.Task, discovery: words.Discovery, spec: Spec, own: Spec) -> tuple[int, ...]:
    """Return the host port of each port of `spec`: by place where the task announces as many, else by name."""
    if spec.in_container:
        return ()
    given, on_host = _given(task), _is_on_host(task)
    numbers = [one.number if one.number in given or on_host else 0 for one in discovery.ports.ports]
    if len(numbers) == len(spec.ports):
        return tuple(numbers)
    named = {port.name: number for port, number in zip(own.ports, numbers, strict=True)}
    return tuple(named.get(port.name, 0) for port in spec.ports)


def _health(task: words.Task) -> Health:
    """Return what a task's check said last: it counts as failed until it has succeeded."""
    said = next((one.healthy for one in reversed(task.statuses) if one.healthy is not None), task.health_check is None)
    return Health.HEALTHY if said else Health.UNHEALTHY


def _locality(agent: words.Agent | None, discovery: words.Discovery) -> Locality:
    domain = agent.agent_info.domain.fault_domain if agent and agent.agent_info.domain else None
    if domain is not None:
        return Locality(domain.region.name, domain.zone.name)
    return parse_locality(discovery.location)
