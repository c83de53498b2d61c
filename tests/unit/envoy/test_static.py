import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import msgspec
import pytest

from pidalio.envoy import bootstrap, protos
from pidalio.envoy.executable import find_envoy
from pidalio.envoy.static import static_bootstrap
from pidalio.ir import (
    AssignmentPlan,
    ClusterPlan,
    Direction,
    DirectResponsePlan,
    Discovery,
    EndpointPlan,
    ForwardPlan,
    HttpPlan,
    ListenerPlan,
    LocalityPlan,
    MatchPlan,
    PathKind,
    PathMatch,
    ProxyPlans,
    RoutePlan,
    RouteTablePlan,
    VirtualHostPlan,
    WeightedCluster,
    one_chain,
)
from pidalio.model import ObjectRef, Origin

NODE = bootstrap.node("sidecar~127.0.0.1~a.default~default.svc.cluster.local", "a.default")


@pytest.mark.envoy
def test_envoy_takes_every_field_and_warns_of_one_deprecated_field_only(validate, everything: ProxyPlans) -> None:
    warnings = validate(static_bootstrap(everything, NODE)).splitlines()
    assert [line for line in warnings if "RouteAction.max_grpc_timeout" not in line] == []


def test_nothing_is_left_to_be_fetched(everything: ProxyPlans) -> None:
    text = protos.to_json(static_bootstrap(everything, NODE))
    assert "eds_cluster_config" not in text
    assert '"rds"' not in text
    assert '"vhds"' not in text


def test_a_table_that_is_not_there_is_a_mistake_of_the_compiler(everything: ProxyPlans) -> None:
    with pytest.raises(KeyError):
        static_bootstrap(msgspec.structs.replace(everything, tables=()), NODE)


def test_an_eds_cluster_without_endpoints_is_empty() -> None:
    plans = ProxyPlans((), (), (ClusterPlan("c", Discovery.EDS),), ())
    (cluster,) = protos.to_dict(static_bootstrap(plans, NODE))["static_resources"]["clusters"]
    assert (cluster["type"], cluster["load_assignment"]) == ("STATIC", {"cluster_name": "c"})


class Echo(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = self.path.encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def backend() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@contextmanager
def running(message: object, tmp_path: Path) -> Iterator[int]:
    """Start real Envoy, give the port of its first listener once it is ready, and stop it."""
    config, admin = tmp_path / "envoy.yaml", tmp_path / "admin"
    config.write_text(protos.to_yaml(message), encoding="utf-8")
    command = [find_envoy(), "-c", config, "--disable-hot-restart", "--concurrency", "1", "-l", "info"]
    command += ["--admin-address-path", admin, "--file-flush-interval-msec", "20"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stderr:
                if "starting main dispatch loop" in line:
                    break
            else:
                pytest.fail("Envoy did not start")
            drain = threading.Thread(target=process.stderr.read)
            drain.start()
            with httpx.Client(transport=httpx.HTTPTransport(uds=str(tmp_path / "admin.sock"))) as client:
                listeners = client.get("http://envoy/listeners?format=json").json()["listener_statuses"]
            yield listeners[0]["local_address"]["socket_address"]["port_value"]
        finally:
            process.terminate()
            process.wait()
            drain.join()


@pytest.mark.envoy
def test_requests_are_routed_and_logged_with_their_rule(backend: int, tmp_path: Path) -> None:
    rule = ObjectRef("VirtualService", "shop", "reviews")
    routes = (
        RoutePlan(
            MatchPlan(PathMatch(PathKind.SEGMENTS, "/a")),
            ForwardPlan((WeightedCluster("reviews"),), prefix_rewrite="/b"),
            name="first",
            origin=Origin(rule, "http[0].match[0]"),
        ),
        RoutePlan(MatchPlan(), DirectResponsePlan(503, b"gone", "no such subset"), origin=Origin(rule, "http[1]")),
    )
    log = tmp_path / "access.log"
    os.mkfifo(log)
    proxy = HttpPlan("out", "80", explicit_proxy=True, use_remote_address=True, access_log=str(log))
    endpoint = EndpointPlan("127.0.0.1", backend, workload="reviews-v1-0")
    plans = ProxyPlans(
        (ListenerPlan("proxy", "127.0.0.1", 0, Direction.OUTBOUND, one_chain(proxy)),),
        (RouteTablePlan("80", (VirtualHostPlan("reviews:80", ("reviews",), routes),), delta=True),),
        (ClusterPlan("reviews", Discovery.EDS),),
        (AssignmentPlan("reviews", (LocalityPlan((endpoint,)),)),),
    )
    reader = os.fdopen(os.open(log, os.O_RDONLY | os.O_NONBLOCK), encoding="utf-8")
    os.set_blocking(reader.fileno(), True)
    message = static_bootstrap(plans, NODE, bootstrap.admin(str(tmp_path / "admin.sock")))
    with reader, running(message, tmp_path) as port, httpx.Client(proxy=f"http://127.0.0.1:{port}") as client:
        assert client.get("http://reviews/a/x").text == "/b/x"
        answer = client.get("http://reviews/ab")
        assert (answer.status_code, answer.text) == (503, "gone")
        assert client.get("http://unknown/").status_code == 404
        lines = [json.loads(reader.readline()) for _ in range(3)]
    forwarded, refused, unknown = lines
    named = {"config": "/apis/networking.istio.io/v1/namespaces/shop/virtual-service/reviews"}
    assert forwarded["rule"] == {**named, "path": "http[0].match[0]"}
    assert forwarded["upstream_cluster"] == "reviews"
    assert forwarded["upstream_workload"] == "reviews-v1-0"
    assert (forwarded["path"], forwarded["response_code"], forwarded["route_name"]) == ("/a/x", 200, "first")
    assert (refused["rule"], refused["reason"]) == ({**named, "path": "http[1]"}, "no such subset")
    assert "rule" not in unknown
    assert unknown["response_flags"] == "NR"
