"""A Mesos master, a Marathon and a Mesos-DNS of the tests, on one port or several, with faults to order.

They speak what the real ones write: RecordIO with SUBSCRIBED, heartbeats and events, calls GET_STATE and GET_MASTER,
redirects of masters that do not lead; `/v2/apps`, `/v2/pods/::status`, `/v2/info` and server-sent events; the
enumeration of Mesos-DNS. Shapes are those of the documented messages, written by hand: no real Mesos was available.

Left out: offers, resources but ports, frameworks' own API, authorization per object (answers are whole or refused),
agents' own API, Marathon's deployments as a machine of states (a changed definition is a new version at once, a new
task stands beside the old one until it is ended), groups, constraints, Marathon's own election, and gzip.
"""

import asyncio
import json
from typing import Any, Self

from aiohttp import web

FRAMEWORK = "F-marathon"


def identifier(value: str) -> dict[str, str]:
    return {"value": value}


class World:
    """What really runs: agents and tasks, whatever masters and Marathon know of it; told to whoever listens."""

    def __init__(self) -> None:
        self.agents: dict[str, dict[str, Any]] = {}
        self.tasks: dict[str, dict[str, Any]] = {}
        self.frameworks: dict[str, str] = {FRAMEWORK: "marathon"}
        self.clock = 1000.0
        self.started = 0

    def agent(self, hostname: str, zone: str = "", address: str = "") -> str:
        """Return the id of the agent of this name, which is there from now on."""
        key = f"S-{hostname}"
        domain = {"domain": {"fault_domain": {"region": {"name": "here"}, "zone": {"name": zone}}}} if zone else {}
        info = {"id": identifier(key), "hostname": hostname, "port": 5051, **domain}
        pid = f"slave(1)@{address or hostname}:5051"
        self.agents[key] = {"agent_info": info, "active": True, "version": "1.11.0", "pid": pid}
        return key

    def task(
        self,
        app: str,
        agent: str,
        ports: dict[str, int],
        labels: dict[str, str],
        *,
        framework: str = FRAMEWORK,
        **more: Any,
    ) -> str:
        """Start a task with host ports, and return its id."""
        self.started += 1
        name = ".".join(reversed(app.strip("/").split("/")))
        key = f"{app.strip('/').replace('/', '_')}.instance-{self.started:08x}._app.1"
        found = [
            {"number": number, "name": each, "protocol": "tcp", "labels": {"labels": []}}
            for each, number in ports.items()
        ]
        ranges = [{"begin": number, "end": number} for number in ports.values()]
        self.tasks[key] = {
            "name": name,
            "task_id": identifier(key),
            "framework_id": identifier(framework),
            "agent_id": identifier(agent),
            "state": "TASK_RUNNING",
            "resources": [{"name": "ports", "type": "RANGES", "ranges": {"range": ranges}}],
            "labels": {"labels": [{"key": each, "value": value} for each, value in labels.items()]},
            "discovery": {"visibility": "FRAMEWORK", "name": name, "ports": {"ports": found}},
            "statuses": [self.status(key, agent, "TASK_RUNNING")],
            **more,
        }
        return key

    def status(self, key: str, agent: str, state: str, **more: Any) -> dict[str, Any]:
        self.clock += 1
        return {
            "task_id": identifier(key),
            "agent_id": identifier(agent),
            "state": state,
            "timestamp": self.clock,
            "source": "SOURCE_EXECUTOR",
            **more,
        }


class Master:
    """One master; `world` is what there is, `registered` the agents that it knows of."""

    def __init__(self, world: World, name: str = "M1", heartbeat: float = 0.2) -> None:
        self.world, self.id, self.heartbeat = world, name, heartbeat
        self.registered: set[str] | None = None
        self.recovered: set[str] = set()
        self.leader = ""
        self.unauthorized = False
        self.is_silent = False
        self.asked: list[str] = []
        self._streams: list[web.StreamResponse] = []
        self._withheld: list[bytes] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # What it is told to do wrong.

    def withhold(self) -> None:
        """Keep events back from now on."""
        self._withheld = []

    def let_go(self, *, backwards: bool = False, dropping: bool = False) -> None:
        """Send what was kept back: in order, in the other one, or not at all."""
        kept, self._withheld = self._withheld or [], None
        for record in [] if dropping else kept[::-1] if backwards else kept:
            self._send(record)

    def cut_within(self, event: dict[str, Any]) -> None:
        """Send half of an event, and break the connections."""
        record = _record(event)
        for stream in self._streams:
            self._write(stream, record[: len(record) // 2])
        asyncio.get_running_loop().call_later(0.05, self.break_off)

    def break_off(self) -> None:
        """Break all connections."""
        for stream in self._streams:
            if stream._req is not None and stream._req.transport is not None:
                stream._req.transport.abort()
        self._streams.clear()

    def send_bytes(self, record: bytes) -> None:
        """Send any bytes."""
        for stream in self._streams:
            self._write(stream, record)

    # Events.

    def send(self, kind: str, **fields: Any) -> None:
        """Tell those who listen."""
        record = _record({"type": kind, **fields})
        if self._withheld is not None:
            self._withheld.append(record)
        else:
            self._send(record)

    def added(self, key: str) -> None:
        self.send("TASK_ADDED", task_added={"task": self.world.tasks[key]})

    def update(self, key: str, state: str, **more: Any) -> None:
        """Make a task be in another state, and tell it; an ended one is gone."""
        task = self.world.tasks[key]
        status = self.world.status(key, task["agent_id"]["value"], state, **more)
        task["state"], task["statuses"] = state, [status]
        self.send("TASK_UPDATED", task_updated={"framework_id": task["framework_id"], "status": status, "state": state})
        if state not in ("TASK_RUNNING", "TASK_KILLING", "TASK_UNREACHABLE", "TASK_STAGING", "TASK_STARTING"):
            del self.world.tasks[key]

    def agent_added(self, key: str) -> None:
        if self.registered is not None:
            self.registered.add(key)
            self.recovered.discard(key)
        self.send("AGENT_ADDED", agent_added={"agent": self.world.agents[key]})

    def agent_removed(self, key: str) -> None:
        self.send("AGENT_REMOVED", agent_removed={"agent_id": identifier(key)})

    def state(self) -> dict[str, Any]:
        """Return everything that it knows."""
        world, known = self.world, self.world.agents.keys() if self.registered is None else self.registered
        tasks = [one for one in world.tasks.values() if one["agent_id"]["value"] in known]
        unreachable = [one for one in tasks if one["state"] == "TASK_UNREACHABLE"]
        frameworks = [
            {"framework_info": {"id": identifier(key), "name": name, "user": "root"}, "active": True, "connected": True}
            for key, name in world.frameworks.items()
        ]
        return {
            "get_tasks": {"tasks": [one for one in tasks if one not in unreachable], "unreachable_tasks": unreachable},
            "get_agents": {
                "agents": [one for key, one in world.agents.items() if key in known],
                "recovered_agents": [world.agents[key]["agent_info"] for key in sorted(self.recovered)],
            },
            "get_frameworks": {"frameworks": frameworks},
            "get_executors": {},
        }

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/api/v1", self._call)]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.break_off()

    async def _call(self, request: web.Request) -> web.StreamResponse:
        if self.unauthorized:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="mesos-master-readonly"'})
        if self.leader:
            host = self.leader.removeprefix("http:")
            raise web.HTTPTemporaryRedirect(f"{host}/api/v1")
        call = (await request.json())["type"]
        self.asked.append(call)
        if call == "GET_STATE":
            return web.json_response({"type": "GET_STATE", "get_state": self.state()})
        if call == "GET_MASTER":
            info = {"id": self.id, "ip": 1, "port": 5050, "hostname": "127.0.0.1"}
            return web.json_response({"type": "GET_MASTER", "get_master": {"master_info": info}})
        return await self._subscribe(request)

    async def _subscribe(self, request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "application/json"})
        stream.enable_chunked_encoding()
        await stream.prepare(request)
        subscribed = {"get_state": self.state(), "heartbeat_interval_seconds": self.heartbeat}
        record = _record({"type": "SUBSCRIBED", "subscribed": subscribed})
        self._streams.append(stream)
        for start in range(0, len(record), 1000):
            self._write(stream, record[start : start + 1000])
        while stream in self._streams:
            if not self.is_silent:
                self._write(stream, _record({"type": "HEARTBEAT"}))
            await asyncio.sleep(self.heartbeat)
        return stream

    def _send(self, record: bytes) -> None:
        for stream in self._streams:
            self._write(stream, record)

    def _write(self, stream: web.StreamResponse, data: bytes) -> None:
        """Write a chunk; one who is gone hears nothing."""
        transport = stream._req.transport if stream._req is not None else None
        if transport is None or transport.is_closing():
            return
        transport.write(b"%x\r\n%b\r\n" % (len(data), data))


def _record(event: dict[str, Any]) -> bytes:
    body = json.dumps(event).encode()
    return b"%d\n%b" % (len(body), body)


class Marathon:
    """One Marathon with its apps; tasks are those of the world's that bear its framework."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.apps: dict[str, dict[str, Any]] = {}
        self.versions: dict[tuple[str, str], dict[str, Any]] = {}
        self.pods: list[dict[str, Any]] = []
        self.extra: list[Any] = []
        self.broken: dict[str, Any] = {}
        self.healthy: dict[str, bool] = {}
        self.version_of: dict[str, str] = {}
        self.is_dropping = False
        self.has_events = True
        self.is_hanging = False
        self.failures = 0
        self.asked: list[str] = []
        self._streams: list[web.StreamResponse] = []

    def app(self, path: str, *, labels: dict[str, str], **fields: Any) -> str:
        """Define an app, or a new version of it; return the version."""
        version = f"2026-01-01T00:00:{len(self.versions):06d}Z"
        made = {
            "id": path,
            "labels": labels,
            "version": version,
            "versionInfo": {"lastScalingAt": version, "lastConfigChangeAt": version},
            "instances": 1,
            "networks": [{"mode": "host"}],
            "healthChecks": [],
            "readinessChecks": [],
            **fields,
        }
        self.apps[path] = self.versions[path, version] = made
        return version

    def task(self, key: str, task: dict[str, Any]) -> dict[str, Any]:
        """Return a task as Marathon lists it."""
        agent = self.world.agents[task["agent_id"]["value"]]["agent_info"]
        domain = agent.get("domain", {}).get("fault_domain", {})
        results = [{"alive": self.healthy[key], "taskId": key}] if key in self.healthy else []
        return {
            "id": key,
            "appId": self.path(task),
            "host": agent["hostname"],
            "ports": [one["number"] for one in task["discovery"]["ports"]["ports"]],
            "slaveId": task["agent_id"]["value"],
            "state": task["state"],
            "startedAt": "2026-01-01T00:00:00Z",
            "version": self.version_of.get(key, ""),
            "ipAddresses": [{"ipAddress": agent["hostname"], "protocol": "IPv4"}],
            "healthCheckResults": results,
            "region": domain.get("region", {}).get("name"),
            "zone": domain.get("zone", {}).get("name"),
            **self.broken.get(key, {}),
        }

    def path(self, task: dict[str, Any]) -> str:
        return "/" + "/".join(reversed(task["name"].split(".")))

    def whole(self, path: str) -> dict[str, Any]:
        """Return an app with its tasks."""
        tasks = [
            self.task(key, one)
            for key, one in self.world.tasks.items()
            if one["framework_id"]["value"] == FRAMEWORK and self.path(one) == path
        ]
        return {**self.apps[path], "tasks": tasks}

    def tell(self, kind: str, **fields: Any) -> None:
        """Send an event, unless events are dropped now."""
        if self.is_dropping:
            return
        data = json.dumps({"eventType": kind, "timestamp": "2026-01-01T00:00:00Z", **fields})
        for stream in self._streams:
            self._write(stream, f"event: {kind}\r\ndata: {data}\r\n\r\n".encode())

    def status(self, key: str, path: str, state: str) -> None:
        self.tell("status_update_event", taskId=key, appId=path, taskStatus=state)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v2/apps", self._apps),
            web.get("/v2/info", self._info),
            web.get("/v2/pods/::status", self._pods),
            web.get("/v2/events", self._events),
            web.get("/v2/apps/{path:.+}/versions/{version}", self._version),
            web.get("/v2/apps/{path:.+}", self._app),
        ]

    def break_off(self) -> None:
        for stream in self._streams:
            if stream._req is not None and stream._req.transport is not None:
                stream._req.transport.abort()
        self._streams.clear()

    async def stop(self) -> None:
        self.break_off()

    async def _apps(self, request: web.Request) -> web.Response:
        self.asked.append("apps")
        while self.is_hanging:
            await asyncio.sleep(0.01)
        if self.failures and "doubted" in self.asked:
            self.failures -= 1
            return web.Response(status=503)
        if self.failures:
            self.asked.append("doubted")
        return web.json_response({"apps": [*map(self.whole, self.apps), *self.extra]})

    async def _app(self, request: web.Request) -> web.Response:
        path = "/" + request.match_info["path"]
        self.asked.append(path)
        if path not in self.apps:
            return web.json_response({"message": f"App '{path}' does not exist"}, status=404)
        return web.json_response({"app": self.whole(path)})

    async def _version(self, request: web.Request) -> web.Response:
        path, version = "/" + request.match_info["path"], request.match_info["version"]
        found = self.versions.get((path, version))
        return web.json_response(found or {"message": "no such version"}, status=200 if found else 404)

    async def _info(self, _: web.Request) -> web.Response:
        config = {"framework_name": self.world.frameworks[FRAMEWORK]}
        return web.json_response({"name": "marathon", "version": "1.11.24", "marathon_config": config})

    async def _pods(self, _: web.Request) -> web.Response:
        return web.json_response(self.pods)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Accept") != "text/event-stream" or not self.has_events:
            return web.Response(status=405)
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        stream.enable_chunked_encoding()
        await stream.prepare(request)
        self._streams.append(stream)
        self.tell("event_stream_attached", remoteAddress="127.0.0.1")
        while stream in self._streams:
            await asyncio.sleep(0.1)
        return stream

    def _write(self, stream: web.StreamResponse, data: bytes) -> None:
        transport = stream._req.transport if stream._req is not None else None
        if transport is not None and not transport.is_closing():
            transport.write(b"%x\r\n%b\r\n" % (len(data), data))


class MesosDns:
    """Mesos-DNS, which knows what the world has."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.extra: list[Any] = []

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/v1/enumerate", self._enumerate)]

    async def stop(self) -> None:
        pass

    async def _enumerate(self, _: web.Request) -> web.Response:
        tasks = []
        for key, task in self.world.tasks.items():
            name = task["name"]
            agent = self.world.agents[task["agent_id"]["value"]]["agent_info"]["hostname"]
            records = [{"name": f"{name}.marathon.mesos.", "host": agent, "rtype": "A"}]
            for port in task["discovery"]["ports"]["ports"]:
                there = f"{name}-x1y2z-s1.marathon.mesos.:{port['number']}"
                records.append({"name": f"_{name}._tcp.marathon.mesos.", "host": there, "rtype": "SRV"})
                records.append({"name": f"_{port['name']}._{name}._tcp.marathon.mesos.", "host": there, "rtype": "SRV"})
            tasks.append({"name": name, "id": key, "records": records})
        return web.json_response({"frameworks": [{"name": "marathon", "tasks": [*tasks, *self.extra]}]})


class Serving:
    """Some of these behind one port, which stays the same over a restart."""

    def __init__(self, *parts: Any, port: int = 0) -> None:
        self.parts, self.port = parts, port
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        application = web.Application()
        for part in self.parts:
            application.router.add_routes(part.routes())
        self._runner = web.AppRunner(application, shutdown_timeout=0.01, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        for part in self.parts:
            await part.stop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
