"""Everything that is known of tasks, from the master, Marathon and Mesos-DNS together, as services.

Rules: a task's id is the same everywhere. Marathon says what an app looks like and what its checks found, the master
whether a task lives; where one of them is silent the other's word goes on alone. A task that the master saw ending is
gone, whatever Marathon still lists, for its host ports are given to others at once. Mesos-DNS adds, and takes nothing.
What an earlier process knew (`remember`) stays until whoever is in charge of it has been read. Pure.
Source of the rules: design record 0024.
"""

from collections import ChainMap
from collections.abc import Collection, Iterable, Mapping

import msgspec

from pidalio.model import Endpoint, Health, Service, combined
from pidalio.platforms.adapter import Rows
from pidalio.platforms.mesos import mapping
from pidalio.platforms.mesos.cluster import Cluster
from pidalio.platforms.mesos.instances import Instance, Spec, SpecPort
from pidalio.platforms.mesos.settings import MesosSettings
from pidalio.platforms.offers import Offer
from pidalio.store import tables


class Book:
    """What is known; `master_live` and `marathon_live` say whose word is fresh, `dirty` which services changed.

    `is_marathons_word_final` while the master is away and Marathon was read since: then what it lacks is gone.
    """

    def __init__(self, settings: MesosSettings) -> None:
        self.settings = settings
        self.cluster = Cluster()
        self.specs: dict[str, Spec] = {}
        self.listed: dict[str, Instance] = {}
        self.found: dict[str, Instance] = {}
        self.instances: dict[str, Instance] = {}
        self.members: dict[str, set[str]] = {}
        self.held: dict[str, Offer] = {}
        self.dirty: set[str] = set()
        self.addresses: dict[str, str] = {}
        self.looked_up: dict[str, str] = {}
        self.marathon = "marathon"
        self.master_live = self.marathon_live = False
        self.is_marathons_word_final = False
        self._remembered: dict[str, Spec] = {}
        self._unwell: set[str] = set()

    def remember(self, rows: Rows) -> None:
        """Keep what an earlier process knew until whoever is in charge of it has been read."""
        for (host, namespace, source), service in rows.get(tables.SERVICES, {}).items():
            group = source.partition("/")[2]
            endpoints = rows.get(tables.ENDPOINTS, {}).get((host, namespace, source), ())
            self.held[group] = _as_offer(group, service, endpoints)
            self._remembered[group] = _as_spec(group, service, endpoints)
            self._unwell |= {one.workload for one in endpoints if one.health is Health.UNHEALTHY}

    def known_specs(self) -> Mapping[str, Spec]:
        """Return what is known of services by Marathon, now or earlier."""
        return ChainMap(self.specs, self._remembered) if self.settings.marathon else {}

    def put_apps(self, groups: Mapping[str, tuple[Spec, Collection[Instance]] | None]) -> None:
        """Take over what Marathon says of these services; None removes one."""
        for group, told in groups.items():
            former = {key for key in self.members.get(group, ()) if key in self.listed}
            is_changed = (told[0] if told else None) != self.specs.get(group)
            for key in former:
                del self.listed[key]
            if told is None:
                self.specs.pop(group, None)
            else:
                self.specs[group] = told[0]
                self.listed.update((one.id, one) for one in told[1])
            if is_changed:
                self.dirty.add(group)
                former |= self.members.get(group, set())
            for key in former | {one.id for one in told[1]} if told else former:
                self.place(key)

    def put_found(self, found: Mapping[str, Instance]) -> None:
        """Make this all that Mesos-DNS tells."""
        both = {*self.found, *found}
        self.found = dict(found)
        for key in both:
            self.place(key)

    def changes(self) -> set[str]:
        """Return the tasks that changed at the master, to be placed, and forget that they did."""
        changed, self.cluster.changed = self.cluster.changed, set()
        return changed

    def learn_addresses(self, agents: Iterable[str]) -> None:
        """Take over where the master says that these agents are."""
        self.addresses.update(found for found in map(self.cluster.address, agents) if found[1])

    def place(self, key: str) -> None:
        """Work out what a task is now, by all that is said of it."""
        former, now = self.instances.get(key), self._instance(key)
        if former == now:
            return
        if former is not None:
            self.members[former.spec.group].discard(key)
            self.dirty.add(former.spec.group)
        if now is None:
            del self.instances[key]
        else:
            self.instances[key] = now
            self.members.setdefault(now.spec.group, set()).add(key)
            self.dirty.add(now.spec.group)

    def everything(self) -> Iterable[str]:
        """Return the id of every task that anybody told of: to be placed anew when a source is lost or found."""
        return {*self.listed, *self.cluster.tasks, *self.found, *self.instances}

    def hosts_by_name(self) -> set[str]:
        """Return the names of hosts that instances are called at, and whose address the master does not tell."""
        return mapping.names_to_look_up(self.instances.values(), self.addresses.__contains__)

    def found_addresses(self, found: Mapping[str, str]) -> None:
        """Take over what DNS said of hosts."""
        changed = {name for name, address in found.items() if self.looked_up.get(name) != address}
        if changed:
            self.looked_up |= found
            self.dirty |= {one.spec.group for one in self.instances.values() if one.host in changed}

    def is_marathons(self, group: str) -> bool:
        """Tell whether Marathon is in charge of a service."""
        return bool(self.settings.marathon) and (group.startswith(f"{self.marathon}/") or not self.settings.master)

    def release(self, is_settled: bool, hostnames: Collection[str] = ()) -> None:
        """Let go of what an earlier process knew where it is known better: everywhere, or on these machines."""
        for group, held in list(self.held.items()):
            if self.is_marathons(group) and self.marathon_live:
                left: tuple[Endpoint, ...] = ()
            else:
                left = tuple(
                    one
                    for one in held.endpoints
                    if not (is_settled or one.node in hostnames) and one.workload not in self.cluster.ended
                )
            if left != held.endpoints or not left:
                self.dirty.add(group)
                if left:
                    self.held[group] = msgspec.structs.replace(held, endpoints=left)
                else:
                    del self.held[group]
        if self.marathon_live:
            self._remembered.clear()
            self._unwell.clear()

    def offer(self, group: str) -> Offer | None:
        """Return a service as it is offered to the mesh."""
        members = [self.instances[key] for key in sorted(self.members.get(group, ()))]
        spec = self.specs.get(group) or (members[-1].spec if members else None)
        made = mapping.offer(self.settings, spec, members, ChainMap(self.addresses, self.looked_up)) if spec else None
        held = self.held.get(group)
        if held is None:
            return made
        more = tuple(one for one in held.endpoints if one.workload not in self.instances)
        if made is None:
            return msgspec.structs.replace(held, endpoints=more)
        numbers = {port.number for port in made.ports}
        ports = (*made.ports, *(port for port in held.ports if port.number not in numbers))
        return msgspec.structs.replace(made, ports=ports, endpoints=(*made.endpoints, *more))

    def _instance(self, key: str) -> Instance | None:
        cluster = self.cluster
        if key in cluster.ended:
            return None
        here = cluster.instance(key, self.known_specs())
        if (listed := self.listed.get(key)) is not None:
            if here is None:
                return listed
            return msgspec.structs.replace(
                listed,
                state=here.state if self.master_live else combined((listed.state, here.state)),
                health=combined((listed.health, here.health)),
                locality=listed.locality if listed.locality.region else here.locality,
                node=here.node or listed.node,
            )
        if here is not None and self.is_marathons_word_final and self.is_marathons(here.spec.group):
            return None
        if here is not None and key in self._unwell and self.is_marathons(here.spec.group):
            return msgspec.structs.replace(here, health=Health.UNHEALTHY)  # as Marathon's checks said last
        return here or self.found.get(key)


def _as_offer(group: str, service: Service, endpoints: tuple[Endpoint, ...]) -> Offer:
    return Offer(mapping.KIND, group, service.hostname, service.namespace, service.ports, endpoints, service.addresses)


def _as_spec(group: str, service: Service, endpoints: tuple[Endpoint, ...]) -> Spec:
    """Return what a service looked like: enough to number the ports of tasks that only the master tells of."""
    framework, _, name = group.partition("/")
    inside = {port.number: port.target_port for port in service.ports}
    ports = tuple(
        SpecPort(one.number, one.name, one.protocol, one.target_port, service.addresses) for one in service.ports
    )
    in_container = bool(endpoints) and all(one.port == inside.get(one.service_port, 0) for one in endpoints)
    return Spec(framework, name, ports, service=service.hostname, in_container=in_container)
