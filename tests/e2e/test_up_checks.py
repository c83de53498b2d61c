"""`up` under constant load, with callers' proxies that check the instances: what is edited or shed costs no request."""

import asyncio
import sys
from pathlib import Path

import pytest
from tests.e2e.embedded import PATIENCE, gateway, item, load, running, service, subsets, to, until, workload
from tests.ports import free_port
from tests.traffic.patient import SILENCE, Ward

from pidalio.store import tables

pytestmark = [pytest.mark.envoy, pytest.mark.slow]

APP = '''
"""Answers callers, and checks with the status that a file of its version holds; notes who asked."""
import json, os, socketserver, time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

VERSION = os.environ["VERSION"]

class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 128

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        status = 200
        if self.path == "/healthz":
            status, delay = map(int, Path(f"health-{VERSION}").read_text().split())
            time.sleep(delay / 1000)
            with Path(f"asked-{VERSION}").open("a") as log:
                log.write(f"{self.headers['user-agent']} {self.headers['host']}\\n")
        body = json.dumps({"service": os.environ["SERVICE"], "version": VERSION}).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

Server((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
'''


def check(host: str = "reviews", **more) -> dict:
    return item("HealthCheck", host, {"host": host, "http": {"path": "/healthz"}, "interval": "100ms", **more})


class Instances:
    """What each version of `reviews` answers to checks, and who asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "reviews.py").write_text(APP)
        for version in ("v1", "v2", "v3"):
            self.answer(version, 200)

    def answer(self, version: str, status: int, delay: int = 0) -> None:
        """Answer checks so from now on, after so many milliseconds."""
        draft = self._folder / "draft"
        draft.write_text(f"{status} {delay}")
        draft.replace(self._folder / f"health-{version}")

    def asked(self, version: str) -> list[str]:
        path = self._folder / f"asked-{version}"
        return path.read_text().splitlines() if path.exists() else []

    @staticmethod
    def run(*versions: str) -> list[dict]:
        found = [workload("reviews", version, command=[sys.executable, "reviews.py"]) for version in versions]
        return [service("reviews"), *found]


async def test_checks_come_and_go_and_instances_shed_load_without_a_lost_request(folder):
    instances = Instances(folder.path)
    folder.write("gateway.yaml", *gateway(free_port(), "reviews"))
    folder.write("reviews.yaml", *instances.run("v1", "v2"))
    async with running(folder) as mesh, load(mesh.port) as made:
        await made.from_now_on()
        assert set(made.outcomes) == {"200 reviews v1", "200 reviews v2"}
        assert instances.asked("v1") == []

        await mesh.edit("checks.yaml", check())
        await made.more()
        # through the instance's sidecar to the application itself, by the service's name
        await until(lambda: len(instances.asked("v1")) > 10)
        assert set(instances.asked("v1")) == {"Envoy/HC reviews.default.svc.cluster.local"}

        instances.answer("v1", 503)
        await until_only(made, "200 reviews v2")
        before = made.outcomes["200 reviews v1"]
        instances.answer("v1", 200)
        await until(lambda: made.outcomes["200 reviews v1"] > before)

        await mesh.edit("checks.yaml", check(interval="150ms", unhealthyThreshold=5), subsets("reviews", "v1"))
        await made.more()
        await mesh.edit("reviews.yaml", *instances.run("v1", "v2", "v3"))
        await mesh.instances("reviews-v1-0", "reviews-v2-0", "reviews-v3-0")
        await until(lambda: made.outcomes["200 reviews v3"])

        await mesh.edit("reviews.yaml", *instances.run("v2", "v3"))
        await mesh.instances("reviews-v2-0", "reviews-v3-0")
        await until_only(made, "200 reviews v2", "200 reviews v3")

        folder.path.joinpath("checks.yaml").unlink()
        await until(lambda: not mesh.control.objects("HealthCheck"))
        await mesh.live()
        await made.more()
        assert made.failed == {}


async def test_a_route_waits_until_the_checks_of_its_new_cluster_are_answered(folder):
    """A subset and the route to it come at once; the subset's cluster is warm only when its instance was asked."""
    instances = Instances(folder.path)
    folder.write("gateway.yaml", *gateway(free_port(), "reviews"))
    folder.write("reviews.yaml", *instances.run("v1", "v2"))
    folder.write("checks.yaml", check(timeout="5s"))
    async with running(folder) as mesh, load(mesh.port) as made:
        await until(lambda: made.outcomes["200 reviews v1"])  # before the first check there is nobody to call
        await made.from_now_on()
        instances.answer("v2", 200, delay=700)
        way_in = item(
            "VirtualService",
            "way-in",
            {"hosts": ["*"], "gateways": ["way-in"], "http": [{"route": [to("reviews", "v2")]}]},
        )
        await mesh.edit("gateway.yaml", *gateway(mesh.port, "reviews")[:1], way_in, subsets("reviews", "v2"))
        await until_only(made, "200 reviews v2")


async def test_the_only_instance_is_replaced_without_a_lost_request(folder):
    """The new one answers its first check late: until then the former one serves."""
    instances = Instances(folder.path)
    folder.write("gateway.yaml", *gateway(free_port(), "reviews"))
    folder.write("reviews.yaml", *instances.run("v1"))
    folder.write("checks.yaml", check(timeout="2s"))
    async with running(folder) as mesh, load(mesh.port) as made:
        await until(lambda: made.outcomes["200 reviews v1"])  # before the first check there is nobody to call
        await made.from_now_on()
        instances.answer("v1", 200, delay=700)
        changed = workload("reviews", "v1", command=[sys.executable, "reviews.py"], environment={"SERVICE": "new"})
        await mesh.edit("reviews.yaml", service("reviews"), changed)
        await until(lambda: made.failed or made.outcomes["200 new v1"])
        await until(lambda: len(mesh.mesh.fleet.members) == 1)
        await until_only(made, "200 new v1")
        assert all(key[2] == "LocalWorkload" for key in tables.WORKLOADS.keys(mesh.control.world))


async def until_only(made, *expected: str) -> None:
    """Wait until these alone answer; nothing may fail on the way, and what was answered stays counted."""
    async with asyncio.timeout(PATIENCE):
        while True:
            before = made.outcomes.copy()
            await made.more(100)
            assert made.failed == {}
            if set(made.outcomes - before) == set(expected):
                return


async def test_a_new_instance_gets_nothing_before_it_answered_a_check(folder):
    """Instances without sidecars, one of which never answers: the others serve on, also while a cluster changes."""
    ward = Ward()
    try:
        well, silent = ward.admit("127.0.0.1"), ward.admit("127.0.0.1")
        silent.answer(SILENCE)
        folder.write("gateway.yaml", *gateway(free_port(), "outside.test"))
        folder.write("outside.yaml", outside(well.port))
        folder.write("checks.yaml", check("outside.test", timeout="500ms"))
        async with running(folder) as mesh, load(mesh.port) as made:
            await until(lambda: well.requests)
            await made.from_now_on()
            await mesh.edit("outside.yaml", outside(well.port, silent.port))
            await until(lambda: len(silent.checks) >= 3)
            await made.more()
            await mesh.edit("checks.yaml", check("outside.test", timeout="400ms"))
            await made.more()
            assert (silent.requests, made.failed) == (0, {})

            silent.answer(200)
            await until(lambda: silent.requests)
            await mesh.edit("outside.yaml", outside(silent.port))
            await made.more(20)  # an ACK comes before Envoy's workers change
            had = well.requests
            await made.more()
            assert well.requests == had  # it answers checks as well as ever, and has left discovery
            assert made.failed == {}
    finally:
        ward.stop()


def outside(*ports: int) -> dict:
    spec = {
        "hosts": ["outside.test"],
        "resolution": "STATIC",
        "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
        "endpoints": [{"address": "127.0.0.1", "ports": {"http": port}} for port in ports],
    }
    return item("ServiceEntry", "outside", spec)
