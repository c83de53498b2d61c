"""The master's messages (operator API, version 1): of each only the fields that mean something here.

Fields are named as the protocol names them. What another version adds is ignored; what lacks a field that it must have,
or has another type, does not decode (`msgspec.ValidationError`), and its one task or agent is left as it is known.
Source: Mesos, `include/mesos/v1/master/master.proto` and `mesos.proto`, as the operator API writes them in JSON.
"""

import msgspec

from pidalio.platforms.mesos.instances import PortNumber


class Value(msgspec.Struct, frozen=True, gc=False):
    """An identifier."""

    value: str


class Label(msgspec.Struct, frozen=True, gc=False):
    """One label."""

    key: str
    value: str = ""


class Labels(msgspec.Struct, frozen=True, gc=False):
    """A list of labels."""

    labels: tuple[Label, ...] = ()

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Return keys and values."""
        return tuple((one.key, one.value) for one in self.labels)


class DiscoveryPort(msgspec.Struct, frozen=True, gc=False):
    """A port that a task announces."""

    number: PortNumber
    name: str = ""
    protocol: str = "tcp"
    labels: Labels = Labels()


class DiscoveryPorts(msgspec.Struct, frozen=True, gc=False):
    """The ports that a task announces."""

    ports: tuple[DiscoveryPort, ...] = ()


class Discovery(msgspec.Struct, frozen=True, gc=False):
    """How a task wants to be found."""

    visibility: str = ""
    name: str = ""
    version: str = ""
    location: str = ""
    ports: DiscoveryPorts = DiscoveryPorts()
    labels: Labels = Labels()


class Range(msgspec.Struct, frozen=True, gc=False):
    """Numbers from `begin` to `end`."""

    begin: int
    end: int


class Ranges(msgspec.Struct, frozen=True, gc=False):
    """Several ranges."""

    range: tuple[Range, ...] = ()


class Resource(msgspec.Struct, frozen=True, gc=False):
    """Something that a task was given, `ports` among it."""

    name: str = ""
    ranges: Ranges | None = None


class IpAddress(msgspec.Struct, frozen=True, gc=False):
    """One address."""

    ip_address: str = ""


class NetworkInfo(msgspec.Struct, frozen=True, gc=False):
    """A network that a container is in."""

    ip_addresses: tuple[IpAddress, ...] = ()


class ContainerStatus(msgspec.Struct, frozen=True, gc=False):
    """How a container is."""

    network_infos: tuple[NetworkInfo, ...] = ()


class Status(msgspec.Struct, frozen=True, gc=False):
    """One word on a task; `timestamp` is by the clock of its `source`: master, agent or executor."""

    task_id: Value | None = None
    state: str = ""
    agent_id: Value | None = None
    healthy: bool | None = None
    timestamp: float = 0.0
    source: str = ""
    container_status: ContainerStatus | None = None

    @property
    def address(self) -> str:
        """Return the first address of the task's container, or "" where none is told."""
        infos = self.container_status.network_infos if self.container_status else ()
        return next((one.ip_address for info in infos for one in info.ip_addresses if one.ip_address), "")


class ContainerNetwork(msgspec.Struct, frozen=True, gc=False):
    """A network that a container asks for; with port mappings it is a bridge."""

    name: str = ""
    port_mappings: tuple[msgspec.Raw, ...] = ()


class Docker(msgspec.Struct, frozen=True, gc=False):
    """What Docker is told."""

    network: str = ""


class Container(msgspec.Struct, frozen=True, gc=False):
    """What a task runs in."""

    docker: Docker | None = None
    network_infos: tuple[ContainerNetwork, ...] = ()


class Task(msgspec.Struct, frozen=True, gc=False):
    """One task."""

    name: str
    task_id: Value
    framework_id: Value
    agent_id: Value
    state: str
    statuses: tuple[Status, ...] = ()
    labels: Labels = Labels()
    discovery: Discovery | None = None
    resources: tuple[Resource, ...] = ()
    container: Container | None = None
    health_check: dict[str, object] | None = None


class DomainName(msgspec.Struct, frozen=True, gc=False):
    """A region or a zone."""

    name: str = ""


class FaultDomain(msgspec.Struct, frozen=True, gc=False):
    """Where a machine stands."""

    region: DomainName = DomainName()
    zone: DomainName = DomainName()


class Domain(msgspec.Struct, frozen=True, gc=False):
    """Where a machine stands, if it says so."""

    fault_domain: FaultDomain | None = None


class AgentInfo(msgspec.Struct, frozen=True, gc=False):
    """A machine."""

    hostname: str
    id: Value | None = None
    domain: Domain | None = None


class Agent(msgspec.Struct, frozen=True, gc=False):
    """A machine as the master knows it; `pid` is `slave(1)@IP:PORT`."""

    agent_info: AgentInfo
    pid: str = ""


class FrameworkInfo(msgspec.Struct, frozen=True, gc=False):
    """A framework."""

    name: str
    id: Value | None = None


class Framework(msgspec.Struct, frozen=True, gc=False):
    """A framework as the master knows it."""

    framework_info: FrameworkInfo


Raws = tuple[msgspec.Raw, ...]


class Tasks(msgspec.Struct, frozen=True, gc=False):
    """All tasks; completed ones are left out."""

    tasks: Raws = ()
    unreachable_tasks: Raws = ()


class Agents(msgspec.Struct, frozen=True, gc=False):
    """All agents; recovered ones have not come back to a new master yet."""

    agents: Raws = ()
    recovered_agents: Raws = ()


class Frameworks(msgspec.Struct, frozen=True, gc=False):
    """All frameworks."""

    frameworks: Raws = ()


class State(msgspec.Struct, frozen=True, gc=False):
    """All there is."""

    get_tasks: Tasks = Tasks()
    get_agents: Agents = Agents()
    get_frameworks: Frameworks = Frameworks()


class Subscribed(msgspec.Struct, frozen=True, gc=False):
    """The first event."""

    get_state: State = State()
    heartbeat_interval_seconds: float = 15.0


class TaskAdded(msgspec.Struct, frozen=True, gc=False):
    """A new task."""

    task: Task


class TaskUpdated(msgspec.Struct, frozen=True, gc=False):
    """A word on a task."""

    framework_id: Value
    status: Status
    state: str


class AgentAdded(msgspec.Struct, frozen=True, gc=False):
    """A machine that came, or came back."""

    agent: Agent


class AgentRemoved(msgspec.Struct, frozen=True, gc=False):
    """A machine that went, or is not reached."""

    agent_id: Value


class FrameworkTold(msgspec.Struct, frozen=True, gc=False):
    """A framework that came or changed."""

    framework: Framework


class FrameworkRemoved(msgspec.Struct, frozen=True, gc=False):
    """A framework that ended, and with it its tasks."""

    framework_info: FrameworkInfo


class Event(msgspec.Struct, frozen=True, gc=False):
    """One event: its type, and what that type bears."""

    type: str
    subscribed: msgspec.Raw = msgspec.Raw()
    task_added: msgspec.Raw = msgspec.Raw()
    task_updated: msgspec.Raw = msgspec.Raw()
    agent_added: msgspec.Raw = msgspec.Raw()
    agent_removed: msgspec.Raw = msgspec.Raw()
    framework_added: msgspec.Raw = msgspec.Raw()
    framework_updated: msgspec.Raw = msgspec.Raw()
    framework_removed: msgspec.Raw = msgspec.Raw()


class StateAnswer(msgspec.Struct, frozen=True, gc=False):
    """The answer to GET_STATE."""

    get_state: State


class MasterAddress(msgspec.Struct, frozen=True, gc=False):
    """Where a master listens."""

    hostname: str = ""
    ip: str = ""
    port: PortNumber = 5050


class MasterInfo(msgspec.Struct, frozen=True, gc=False):
    """A master as ZooKeeper and GET_MASTER tell it; `id` is another after each start."""

    id: str
    address: MasterAddress | None = None
    hostname: str = ""
    port: PortNumber = 5050


class MasterTold(msgspec.Struct, frozen=True, gc=False):
    """What the master says of itself."""

    master_info: MasterInfo


class MasterAnswer(msgspec.Struct, frozen=True, gc=False):
    """The answer to GET_MASTER."""

    get_master: MasterTold


def first(error: Exception) -> str:
    """Return what a message that does not decode is told to have: one line, never quoting the whole message."""
    return str(error).replace("\n", " ")[:200]
