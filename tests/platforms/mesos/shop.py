"""A fake Mesos with Marathon that runs apps as tests of every platform order them."""

from typing import Any

from tests.platforms.mesos.fake import Marathon, Master, MesosDns, Serving, World

PORT = 80


class Shop:
    """Master, Marathon and Mesos-DNS on one port; an instance of a service is a task of the app of that name."""

    def __init__(self, service_port: int = PORT) -> None:
        self.service_port = service_port
        self.world = World()
        self.master, self.marathon, self.dns = Master(self.world), Marathon(self.world), MesosDns(self.world)
        self.serving = Serving(self.master, self.marathon, self.dns)
        self.running: dict[tuple[str, str], str] = {}
        self._starts = 1

    async def restart(self, *, keeps: bool) -> None:
        """Kill it and start it again, as a new master."""
        await self.serving.stop()
        self._starts += 1
        self.master.id = f"M{self._starts}"
        if not keeps:
            self.clear()
        await self.serving.start()

    def clear(self) -> None:
        """Forget everything."""
        for part in (self.world.tasks, self.world.agents, self.marathon.apps, self.running):
            part.clear()

    def put(self, service: str, name: str, address: str, port: int, version: str = "v1", zone: str = "east") -> None:
        """Run a task, and end the one that had this name before."""
        path = f"/{service}"
        labels = {"version": version}
        if self.marathon.apps.get(path, {}).get("labels") != labels:
            definition = {"port": self.service_port, "name": "http", "protocol": "tcp", "labels": {}}
            self.marathon.app(path, labels=labels, portDefinitions=[definition])
            self.marathon.tell("api_post_event", appDefinition=self.marathon.apps[path])
        agent = self.world.agent(address, zone)
        self.master.agent_added(agent)
        key = self.world.task(path, agent, {"http": port}, labels)
        self.marathon.version_of[key] = self.marathon.apps[path]["version"]
        former = self.running.get((service, name))
        self.running[service, name] = key
        self.master.added(key)
        self.marathon.status(key, path, "TASK_RUNNING")
        if former is not None:
            self._end(service, former)

    def drop(self, service: str, name: str) -> None:
        """End a task, and the app with its last one."""
        self._end(service, self.running.pop((service, name)))
        if not any(each == service for each, _ in self.running):
            del self.marathon.apps[f"/{service}"]
            self.marathon.tell("app_terminated_event", appId=f"/{service}")

    def state(self, service: str, name: str, state: str, **more: Any) -> None:
        """Make a task be in another state."""
        key = self.running[service, name]
        self.master.update(key, state, **more)
        self.marathon.status(key, f"/{service}", state)

    def health(self, service: str, name: str, is_well: bool) -> None:
        """Make Marathon's check of a task find this."""
        key = self.running[service, name]
        self.marathon.healthy[key] = is_well
        self.marathon.tell(
            "instance_health_changed_event",
            runSpecId=f"/{service}",
            instanceId=key.partition("._app")[0],
            healthy=is_well,
        )

    def _end(self, service: str, key: str) -> None:
        self.master.update(key, "TASK_KILLED")
        self.marathon.status(key, f"/{service}", "TASK_KILLED")
