"""Probes judge as Kubernetes' do: thresholds, timeouts, and what counts as well."""

import asyncio
import ssl
from pathlib import Path

import grpc
import pytest
from tests.ports import free_port

from pidalio.agent.certificates import create_authority
from pidalio.agent.probe import Held, Prober, ProbeTarget
from pidalio.api.workload_entry import (
    ExecHealthCheckConfig,
    GrpcHealthCheckConfig,
    HTTPHeader,
    HTTPHealthCheckConfig,
    ReadinessProbe,
    TCPHealthCheckConfig,
)
from pidalio.model.damping import Damping


class Script(Prober):
    """A prober whose answers are given, under a clock that costs nothing; it stops where they end."""

    def __init__(self, answers: str, damping: Damping | None = None, **fields) -> None:
        self.verdicts: list[bool] = []
        self.slept: list[float] = []
        self.answers = list(answers)

        async def changed(well, reason) -> None:
            self.verdicts.append(well)
            self.told.append((self.time, "well" if well else "ill"))

        self.time = 0.0
        self.told: list[tuple[float, str]] = []

        async def sleep(seconds) -> None:
            self.slept.append(seconds)
            self.time += seconds

        async def held(one: Held) -> None:
            self.told.append((self.time, f"held {one.falls} {one.seconds:g}"))

        probe = ReadinessProbe(tcp_socket=TCPHealthCheckConfig(port=1), **fields)
        super().__init__(
            probe,
            ProbeTarget("127.0.0.1", ()),
            None,
            changed,
            sleep=sleep,
            held=held,
            damping=damping,
            now=lambda: self.time,
        )

    async def check(self) -> str:
        if not self.answers:
            raise asyncio.CancelledError
        return "" if self.answers.pop(0) == "+" else "sick"

    async def all(self) -> list[bool]:
        try:
            await self.run()
        except asyncio.CancelledError:
            return self.verdicts


@pytest.mark.parametrize(
    ("answers", "fields", "verdicts"),
    [
        pytest.param("+", {}, [True], id="one success is enough"),
        pytest.param("+++", {}, [True], id="only changes are told"),
        pytest.param("--", {}, [], id="failures below the threshold"),
        pytest.param("---", {}, [False], id="never well, told once"),
        pytest.param("+--+--", {}, [True], id="a success starts the count again"),
        pytest.param("+---", {}, [True, False], id="three failures by default"),
        pytest.param("+-", {"failure_threshold": 1}, [True, False], id="failure threshold"),
        pytest.param("+-+", {"failure_threshold": 1}, [True, False, True], id="recovers"),
        pytest.param(
            "+-++-", {"success_threshold": 2, "failure_threshold": 2}, [True], id="success threshold in a row"
        ),
    ],
)
async def test_verdicts(answers, fields, verdicts):
    assert await Script(answers, **fields).all() == verdicts


async def test_rhythm_is_quick_until_the_first_success():
    script = Script("--++", initial_delay_seconds=7, period_seconds=20)
    await script.all()
    assert script.slept == [7, 1, 1, 20, 20]


def flapping(answers: str, **more) -> Script:
    """A probe every second whose word counts at once."""
    return Script(answers, period_seconds=1, failure_threshold=1, **more)


async def test_the_first_two_falls_cost_nothing():
    script = flapping("+-+-+")
    await script.all()
    assert script.told == [(0, "well"), (1, "ill"), (2, "well"), (3, "ill"), (4, "well")]


async def test_from_the_third_fall_on_it_must_stay_well_for_longer_each_time():
    script = flapping("+-+-+-" + "+" * 11 + "-" + "+" * 21)
    await script.all()
    assert script.told[5:] == [
        (5, "ill"),
        (6, "held 3 10"),
        (16, "well"),
        (17, "ill"),
        (18, "held 4 20"),
        (38, "well"),
    ]


async def test_a_failure_during_the_hold_begins_it_anew_and_is_no_further_fall():
    script = flapping("+-+-+-" + "+" * 5 + "-" + "+" * 11)
    await script.all()
    assert script.told[6:] == [(6, "held 3 10"), (12, "held 3 10"), (22, "well")]


async def test_it_is_held_no_longer_than_five_minutes():
    damping = Damping()
    for second in range(30):
        damping.fell(second)
    assert damping.hold(30) == 300


async def test_what_was_ten_minutes_ago_does_not_count():
    damping = Damping()
    for second in (0, 1, 2):
        damping.fell(second)
    assert (damping.hold(599), damping.hold(600), damping.falls(602)) == (10, 0, 0)
    script = flapping("+-+-+-" + "+" * 11 + "+" * 600 + "-+")
    await script.all()
    assert script.told[-2:] == [(617, "ill"), (618, "well")]


async def test_another_process_of_the_instance_starts_with_the_falls_of_the_last():
    damping = Damping()
    await flapping("+-+-+-", damping=damping).all()
    script = Script("+" * 10, damping, period_seconds=1)
    script.time = 6.0
    await script.all()
    assert script.told == [(6, "held 3 10")]


async def test_thresholds_count_besides():
    """Well for 10 s and in three answers, whichever is later."""
    script = Script("+-+-+-+++", None, period_seconds=20, failure_threshold=1, success_threshold=1)
    await script.all()
    assert script.told[5:] == [(100, "ill"), (120, "held 3 10"), (140, "well")]


@pytest.fixture
async def http_port():
    """A server that answers with the status in its path, and never when asked to hang."""
    seen: list[bytes] = []

    async def serve(reader, writer) -> None:
        first = await reader.read(1)
        if first in (b"", b"\x16"):  # the client says nothing, or begins a TLS handshake
            writer.close()
            return
        request = first + await reader.readuntil(b"\r\n\r\n")
        seen.append(request)
        status, _, location = request.split()[1].decode()[1:].partition("?to=")
        if status == "round":
            status, location = "302", "/round"
        if status != "hang":
            to = f"location: {location}\r\n" if location else ""
            writer.write(f"HTTP/1.1 {status or 200} X\r\ncontent-length: 0\r\n{to}\r\n".encode())
        else:
            await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        serve.port = server.sockets[0].getsockname()[1]
        serve.seen = seen
        yield serve


def prober(target: ProbeTarget, processes=None, **fields) -> Prober:
    async def changed(well, reason) -> None: ...

    return Prober(ReadinessProbe(**fields), target, processes, changed)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/200", ""),
        ("", ""),
        ("/302", ""),
        ("/399", ""),
        ("/400", "status 400"),
        ("503", "status 503"),
        ("/302?to=/200", ""),
        ("/302?to=/500", "status 500"),
        ("/302?to=http://elsewhere.example/500", ""),
        ("/round", "after 10 redirects"),
    ],
)
async def test_http(http_port, path, reason):
    """A redirect is followed within the host, as Kubernetes does; one that leads elsewhere counts as well."""
    target = ProbeTarget("127.0.0.1", ((9080, http_port.port),))
    found = await prober(target, http_get=HTTPHealthCheckConfig(path=path, port=9080)).check()
    assert found.endswith(reason) if reason else found == ""


async def test_http_headers_are_sent(http_port):
    headers = (HTTPHeader("Host", "shop.example"), HTTPHeader("X-Probe", "1"), HTTPHeader("X-Probe", "2"))
    target = ProbeTarget("127.0.0.1", ((9080, http_port.port),))
    assert await prober(target, http_get=HTTPHealthCheckConfig(http_headers=headers)).check() == ""
    request = http_port.seen[0].lower()
    assert b"host: shop.example" in request
    assert b"x-probe: 1" in request
    assert b"x-probe: 2" in request
    assert b"user-agent: pidalio-probe" in request
    own = (HTTPHeader("User-Agent", "mine"),)
    assert await prober(target, http_get=HTTPHealthCheckConfig(http_headers=own)).check() == ""
    assert [line for line in http_port.seen[1].splitlines() if b"gent" in line] == [b"User-Agent: mine"]


async def test_hanging_answer_is_a_failure(http_port):
    target = ProbeTarget("127.0.0.1", ((9080, http_port.port),))
    assert await prober(target, http_get=HTTPHealthCheckConfig(path="/hang")).check() == "no answer within 1 s"


async def test_tcp(http_port):
    target = ProbeTarget("127.0.0.1", ((9080, http_port.port),))
    assert await prober(target, tcp_socket=TCPHealthCheckConfig(port=9080)).check() == ""
    closed = ProbeTarget("127.0.0.1", ((9080, free_port()),))
    assert "onnect" in await prober(closed, tcp_socket=TCPHealthCheckConfig(port=9080)).check()


async def test_another_host_is_asked(http_port):
    """The applications of the target's own address do not listen: only the named host answers."""
    target = ProbeTarget("127.0.0.9", ((9080, http_port.port),))
    assert await prober(target, tcp_socket=TCPHealthCheckConfig(host="127.0.0.1", port=9080)).check() == ""
    assert await prober(target, http_get=HTTPHealthCheckConfig(host="127.0.0.1", port=9080)).check() == ""


async def test_the_declared_port_is_asked(http_port):
    target = ProbeTarget("127.0.0.1", ((9080, free_port()), (9090, http_port.port)))
    assert await prober(target, http_get=HTTPHealthCheckConfig(port=9090)).check() == ""
    assert await prober(target, http_get=HTTPHealthCheckConfig(port=9080)).check() != ""


async def test_the_scheme_is_spoken(http_port):
    """A server of plain HTTP cannot be asked by HTTPS: it gets a handshake that it cannot read."""
    target = ProbeTarget("127.0.0.1", ((9080, http_port.port),))
    assert await prober(target, http_get=HTTPHealthCheckConfig(scheme="HTTP")).check() == ""
    assert await prober(target, http_get=HTTPHealthCheckConfig(scheme="HTTPS")).check() != ""


async def test_any_certificate_is_taken(tmp_path):
    """As Kubernetes does: a probe asks whether the application serves, not who it is."""
    files = create_authority(tmp_path, ["elsewhere.example"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)

    async def serve(reader, writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        target = ProbeTarget("127.0.0.1", ((9080, server.sockets[0].getsockname()[1]),))
        https = HTTPHealthCheckConfig(port=9080, scheme="HTTPS")
        assert await prober(target, http_get=https).check() == ""


async def test_exec_runs_where_the_application_does(processes, tmp_path):
    target = ProbeTarget("127.0.0.1", (), (("PATH", "/usr/bin:/bin"),), tmp_path / "log", tmp_path)
    (tmp_path / "well").touch()
    assert await prober(target, processes, exec=ExecHealthCheckConfig(command=("test", "-e", "well"))).check() == ""


async def test_exec(processes, tmp_path):
    target = ProbeTarget("127.0.0.1", (), (("PATH", "/usr/bin:/bin"), ("WELL", "yes")), tmp_path / "log")
    good = ExecHealthCheckConfig(command=("sh", "-c", "test $WELL = yes"))
    assert await prober(target, processes, exec=good).check() == ""
    bad = ExecHealthCheckConfig(command=("sh", "-c", "exit 4"))
    assert await prober(target, processes, exec=bad).check() == "sh exited with 4"
    absent = ExecHealthCheckConfig(command=("no-such-command",))
    assert "No such file" in await prober(target, processes, exec=absent).check()


async def test_exec_that_hangs_is_ended(processes, tmp_path):
    log = tmp_path / "log"
    target = ProbeTarget("127.0.0.1", (), (("PATH", "/usr/bin:/bin"),), log)
    slow = ExecHealthCheckConfig(command=("sh", "-c", "echo $$; sleep 600"))
    assert await prober(target, processes, exec=slow).check() == "no answer within 1 s"
    status = Path(f"/proc/{log.read_text().strip()}")
    async with asyncio.timeout(10):
        while status.exists():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("service", "reason"), [("", ""), ("sick", "not serving"), ("x" * 200, "NOT_FOUND")], ids=["all", "sick", "unknown"]
)
async def test_grpc(service, reason):
    async def check(request, context):
        name = request[2 + (len(request) > 129) :] if request else b""
        if name not in (b"", b"sick"):
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        return b"\x08\x02" if name == b"sick" else b"\x08\x01"

    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(check)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    target = ProbeTarget("127.0.0.1", ((9080, port),))
    found = await prober(target, grpc=GrpcHealthCheckConfig(service=service)).check()
    assert reason in found if reason else found == ""
    await server.stop(None)
