"""A control plane without sockets, its API as a client of httpx, and proxies that talk to its streams directly."""

from pathlib import Path

import httpx
import msgspec

from pidalio.envoy import messages as pb
from pidalio.history import SqliteHistory
from pidalio.http.app import app
from pidalio.http.client import Client, Target
from pidalio.http.metrics import Metrics
from pidalio.http.served import Served
from pidalio.http.wire import PlatformView
from pidalio.model import Report, Severity
from pidalio.server.control_plane import ControlPlane
from pidalio.server.explaining import decide_for
from pidalio.xds import Node, Peer
from pidalio.xds.typeurls import CLUSTER, ENDPOINT, LISTENER, ROUTE, VIRTUAL_HOST
from pidalio.xds.wire import Request

SERVICES = """
apiVersion: v1
kind: Service
metadata: {name: reviews}
spec: {selector: {app: reviews}, ports: [{name: http, port: 9080}]}
---
apiVersion: v1
kind: Service
metadata: {name: ratings}
spec: {selector: {app: ratings}, ports: [{name: http, port: 9080}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
"""


def rule(subset: str = "v1", host: str = "reviews", name: str | None = None) -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: {name or host}
spec:
  hosts: [{host}]
  http:
  - route:
    - destination: {{host: {host}, subset: {subset}}}
"""


class Around:
    """What a process would say of itself."""

    def __init__(self) -> None:
        self.why_not = ""
        self.standing: list[Report] = []
        self.platforms = [PlatformView("files", objects=3)]

    def unready(self) -> str:
        return self.why_not

    def platform_views(self):
        return tuple(self.platforms)

    def reports(self):
        return self.standing

    def word(self, identity):
        return None


class Embedded:
    """One control plane; `client` is the typed client, `http` the bare one."""

    def __init__(self, history: SqliteHistory, folder: Path, **door) -> None:
        self.metrics = Metrics()
        self.around = Around()
        self.control = ControlPlane(history, events=self.metrics)
        self.served = Served(
            self.control,
            decide_for,
            surroundings=self.around,
            metrics=self.metrics,
            faults_file=folder / "faults.json",
        )
        self.app = app(self.served, **door)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://mesh")
        self.client = Client(Target("http://mesh"))
        self.client._http = self.http

    async def apply(self, text: str, name: str = "rules.yaml", **options):
        from pidalio.http.wire import SourceFile

        return await self.client.apply([SourceFile(name, text)], **options)

    def connect(self, name: str = "web-0", address: str = "10.0.0.1") -> "Proxy":
        return Proxy(self, name, address)


class Proxy:
    """One sidecar on a stream; `settle` takes and acknowledges whatever is sent."""

    def __init__(self, mesh: Embedded, name: str, address: str) -> None:
        self.id = f"sidecar~{address}~{name}.default~default.svc.cluster.local"
        node = Node(self.id, metadata={"PIDALIO": {"outbound": f"{address}:15001"}})
        self.mesh = mesh
        self.stream = mesh.control.ads.open(node, Peer("ipv4:127.0.0.1:1"), lambda: None)
        self.unanswered: list = []
        self.names: dict[str, set[str]] = {}

    def start(self) -> "Proxy":
        """Ask for everything as Envoy does, and hold it."""
        self.ask(CLUSTER)
        self.settle()
        self.ask(ENDPOINT, *self.names.get(CLUSTER, ()))
        self.ask(LISTENER)
        self.settle()
        self.ask(ROUTE, "http_proxy")
        self.ask(VIRTUAL_HOST)
        self.settle()
        return self

    def ask(self, kind: str, *names: str) -> None:
        self.stream.receive(Request(kind, names))

    def take(self) -> list:
        found = []
        while (data := self.stream.next_response()) is not None:
            message = pb.DeltaDiscoveryResponse.FromString(data)
            self.names.setdefault(message.type_url, set()).update(one.name for one in message.resources)
            found.append(message)
        self.unanswered += found
        return found

    def ack(self) -> None:
        for message in self.unanswered:
            self.stream.receive(Request(message.type_url, nonce=message.nonce))
        self.unanswered.clear()

    def settle(self) -> None:
        while self.take():
            self.ack()

    def nack(self, error: str) -> None:
        for message in self.unanswered:
            self.stream.receive(Request(message.type_url, nonce=message.nonce, error=error))
        self.unanswered.clear()

    def refuse(self, error: str) -> None:
        """Refuse whatever is sent until nothing more is."""
        while self.take():
            self.nack(error)

    def leave(self) -> None:
        self.mesh.control.ads.close(self.stream, "it left")


def warning(text: str) -> Report:
    return Report(Severity.WARNING, "workload-ignores-port", text)


def decoded(response: httpx.Response):
    return msgspec.json.decode(response.content)
