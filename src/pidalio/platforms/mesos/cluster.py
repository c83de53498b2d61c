"""The master's tasks, agents and frameworks as they are known now, and what each event makes of them.

Invariants: a state that no task comes back from is final, whatever comes late; an agent that is removed takes no task
along that may be alive behind a partition; what cannot be decoded leaves its one entry as it is known.
Pure: whoever reads the stream calls it; `ended` and `changed` collect what callers have to know.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from pidalio.platforms.mesos import words
from pidalio.platforms.mesos.instances import ENDED, ROUTABLE, Instance, Spec
from pidalio.platforms.mesos.task_mapping import instance_of

_REMEMBERED: Final = 20_000
"""Ended tasks that are remembered: identifiers are never used again."""
_TOGETHER: Final = 100
"""Tasks that are decoded in one step: about a millisecond."""
_WORDS: Final = 4
"""Former words on a task that are kept: the last one may lack its address, or what its check found."""
_UNREACHABLE: Final = "TASK_UNREACHABLE"


class Unknown(Exception):
    """An event speaks of a task that nobody told of: something was missed."""


class Cluster:
    """What one master told."""

    def __init__(self) -> None:
        self.tasks: dict[str, words.Task] = {}
        self.agents: dict[str, words.Agent] = {}
        self.frameworks: dict[str, str] = {}
        self.ended: dict[str, bool] = {}
        self.doubtful: set[str] = set()
        self.registered: set[str] = set()
        self.changed: set[str] = set()
        self.mistakes: dict[str, str] = {}

    def take_state(self, decoded: "Decoded", *, is_doubtful: bool = False) -> None:
        """Make this all there is.

        What it lacks has ended; where it `is_doubtful` (a new master), it may just not be known yet, and stays.
        """
        former = self.tasks
        self.mistakes = dict(decoded.broken)
        kept = {key: former[key] for key in decoded.broken if key in former}
        missing = former.keys() - decoded.tasks.keys() - kept.keys()
        if is_doubtful:
            self.doubtful.update(missing)
            kept |= {key: former[key] for key in missing}
        self.doubtful -= decoded.tasks.keys()
        for key in decoded.tasks:
            self._come_back(key)
        self.tasks = {**kept, **{key: one for key, one in decoded.tasks.items() if key not in self.ended}}
        for key in missing - kept.keys():
            self._end(key, is_final=False)
        agents = {one.agent_id.value for one in kept.values()}
        agents_now = {**{key: one for key, one in self.agents.items() if key in agents}, **decoded.agents}
        frameworks = {one.framework_id.value for one in kept.values()}
        frameworks_now = {
            **{key: one for key, one in self.frameworks.items() if key in frameworks},
            **decoded.frameworks,
        }
        is_elsewhere = self.agents != agents_now or self.frameworks != frameworks_now
        self.agents, self.frameworks = agents_now, frameworks_now
        self.registered = set(decoded.agents)
        self.changed |= self.tasks.keys() if is_elsewhere else _unlike(former, self.tasks)

    def settle(self, is_known: Callable[[str], bool]) -> None:
        """End doubtful tasks on agents of which all `is_known` by now (by the agent's id)."""
        for key in [key for key in self.doubtful if is_known(self.tasks[key].agent_id.value)]:
            self._end(key, is_final=False)

    def take(self, event: words.Event) -> None:
        """Take an event over; raise `Unknown`, or `msgspec.ValidationError` for one that cannot be understood."""
        if taking := _TAKING.get(event.type):
            field, type_, take = taking
            raw = getattr(event, field)
            if not raw:
                raise msgspec.ValidationError(f"{event.type} without `{field}`")
            take(self, msgspec.json.decode(raw, type=type_))

    def add_task(self, told: words.TaskAdded) -> None:
        """Take over a task that is new, or that a new master has just heard of."""
        key = told.task.task_id.value
        self._come_back(key)
        if key not in self.ended:
            self.doubtful.discard(key)
            self._put(told.task)
            self.mistakes.pop(key, None)

    def update_task(self, told: words.TaskUpdated) -> None:
        """Take over a word on a task."""
        status = told.status
        if status.task_id is None:
            raise msgspec.ValidationError("TASK_UPDATED without `status.task_id`")
        key, state = status.task_id.value, told.state or status.state
        if state in ENDED:
            self._end(key)
        elif key in self.ended:
            return
        elif (task := self.tasks.get(key)) is None:
            raise Unknown(key)
        elif not _is_late(status, task):
            self.doubtful.discard(key)
            agent, statuses = status.agent_id or task.agent_id, (*task.statuses[-_WORDS:], status)
            self._put(msgspec.structs.replace(task, state=state, agent_id=agent, statuses=statuses))

    def add_agent(self, told: words.AgentAdded) -> None:
        """Take over a machine; its tasks come by events of their own."""
        info = told.agent.agent_info
        if info.id is None:
            raise msgspec.ValidationError("AGENT_ADDED without `agent.agent_info.id`")
        self.registered.add(info.id.value)
        if self.agents.get(info.id.value) != told.agent:
            self.agents[info.id.value] = told.agent
            self._touch("agent_id", info.id.value)

    def remove_agent(self, told: words.AgentRemoved) -> None:
        """Take over that a machine is gone, or out of reach: what ran there may come back."""
        gone = told.agent_id.value
        self.registered.discard(gone)
        for task in [one for one in self.tasks.values() if one.agent_id.value == gone]:
            if task.state in ROUTABLE:
                self._put(msgspec.structs.replace(task, state=_UNREACHABLE))

    def put_framework(self, told: words.FrameworkTold) -> None:
        """Take over a framework's name."""
        info = told.framework.framework_info
        if info.id is not None and self.frameworks.get(info.id.value) != info.name:
            self.frameworks[info.id.value] = info.name
            self._touch("framework_id", info.id.value)

    def remove_framework(self, told: words.FrameworkRemoved) -> None:
        """Take over that a framework ended: Mesos kills its tasks."""
        if told.framework_info.id is not None:
            for key in [key for key, one in self.tasks.items() if one.framework_id == told.framework_info.id]:
                self._end(key)

    def instance(self, key: str, specs: Mapping[str, Spec]) -> Instance | None:
        """Return a task as an instance, None where there is nothing to call."""
        task = self.tasks.get(key)
        if task is None or task.state not in ROUTABLE:
            return None
        framework = self.frameworks.get(task.framework_id.value, "")
        return instance_of(task, framework, self.agents.get(task.agent_id.value), specs) if framework else None

    def address(self, agent: str) -> tuple[str, str]:
        """Return an agent's hostname and its IP address, "" where it is not told."""
        one = self.agents[agent]
        return one.agent_info.hostname, one.pid.rpartition("@")[2].rpartition(":")[0].strip("[]")

    def _put(self, task: words.Task) -> None:
        key = task.task_id.value
        if task.state in ENDED:
            self._end(key)
        elif self.tasks.get(key) != task:
            self.tasks[key] = task
            self.changed.add(key)

    def _come_back(self, key: str) -> None:
        """Forget that a task was gone where nobody said that it ended: it was only not shown."""
        if self.ended.get(key) is False:
            del self.ended[key]

    def _end(self, key: str, *, is_final: bool = True) -> None:
        self.tasks.pop(key, None)
        self.doubtful.discard(key)
        self.changed.add(key)
        self.ended[key] = is_final or self.ended.get(key, False)
        if len(self.ended) > _REMEMBERED:
            del self.ended[next(iter(self.ended))]

    def _touch(self, field: str, value: str) -> None:
        self.changed.update(key for key, one in self.tasks.items() if getattr(one, field).value == value)


def _is_late(status: words.Status, task: words.Task) -> bool:
    """Tell whether the same writer said something later already; clocks of different ones are not compared."""
    return any(one.source == status.source and one.timestamp > status.timestamp for one in task.statuses)


def _unlike(former: Mapping[str, words.Task], now: Mapping[str, words.Task]) -> set[str]:
    return {key for key in former.keys() | now.keys() if former.get(key) != now.get(key)}


class Decoded(msgspec.Struct):
    """A state taken apart; `recovered` are names of agents that are not back yet, `broken` says why, by task."""

    tasks: dict[str, words.Task] = msgspec.field(default_factory=dict)
    agents: dict[str, words.Agent] = msgspec.field(default_factory=dict)
    frameworks: dict[str, str] = msgspec.field(default_factory=dict)
    recovered: set[str] = msgspec.field(default_factory=set)
    broken: dict[str, str] = msgspec.field(default_factory=dict)

    def steps(self, state: words.State) -> Iterable[None]:
        """Take `state` apart, a little at each step."""
        every: Iterable[tuple[msgspec.Raw, Any, Callable[[Any], None]]] = itertools.chain(
            ((raw, _FRAMEWORK, self._put_framework) for raw in state.get_frameworks.frameworks),
            ((raw, _AGENT, self._put_agent) for raw in state.get_agents.agents),
            ((raw, _AGENT_INFO, self._put_recovered) for raw in state.get_agents.recovered_agents),
            ((raw, _TASK, self._put_task) for raw in state.get_tasks.tasks),
            ((raw, _TASK, self._put_task) for raw in state.get_tasks.unreachable_tasks),
        )
        for number, (raw, decoder, put) in enumerate(every):
            try:
                put(decoder.decode(raw))
            except msgspec.MsgspecError as error:
                self.broken[_named(raw) or f"entry {number + 1}"] = words.first(error)
            if number % _TOGETHER == 0:
                yield

    def _put_framework(self, one: words.Framework) -> None:
        if one.framework_info.id:
            self.frameworks[one.framework_info.id.value] = one.framework_info.name

    def _put_agent(self, one: words.Agent) -> None:
        if one.agent_info.id:
            self.agents[one.agent_info.id.value] = one

    def _put_recovered(self, one: words.AgentInfo) -> None:
        self.recovered.add(one.hostname)

    def _put_task(self, one: words.Task) -> None:
        if one.state not in ENDED:
            self.tasks[one.task_id.value] = one


_FRAMEWORK: Final[Any] = msgspec.json.Decoder(words.Framework)
_AGENT: Final[Any] = msgspec.json.Decoder(words.Agent)
_AGENT_INFO: Final[Any] = msgspec.json.Decoder(words.AgentInfo)
_TASK: Final[Any] = msgspec.json.Decoder(words.Task)


class _TaskId(msgspec.Struct):
    task_id: words.Value


def _named(raw: msgspec.Raw) -> str:
    """Return the id of a task that does not decode, "" where that does not either."""
    try:
        return msgspec.json.decode(raw, type=_TaskId).task_id.value
    except msgspec.MsgspecError:
        return ""


_TAKING: Final[Mapping[str, tuple[str, Any, Any]]] = {
    "TASK_ADDED": ("task_added", words.TaskAdded, Cluster.add_task),
    "TASK_UPDATED": ("task_updated", words.TaskUpdated, Cluster.update_task),
    "AGENT_ADDED": ("agent_added", words.AgentAdded, Cluster.add_agent),
    "AGENT_REMOVED": ("agent_removed", words.AgentRemoved, Cluster.remove_agent),
    "FRAMEWORK_ADDED": ("framework_added", words.FrameworkTold, Cluster.put_framework),
    "FRAMEWORK_UPDATED": ("framework_updated", words.FrameworkTold, Cluster.put_framework),
    "FRAMEWORK_REMOVED": ("framework_removed", words.FrameworkRemoved, Cluster.remove_framework),
}
