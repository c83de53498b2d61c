"""Every kind of bad input, in a file of a running mesh and by `apply`: one clear line, traffic untouched.

Bad environments (a port in use, no Envoy, another version, a second `up`) are in test_up_process.py.
"""

import json

import pytest
from tests.e2e.commands import pidalio
from tests.e2e.embedded import free_port, gateway, load, routes, running, service, subsets, to, until, workload

from pidalio.errors import HistoryUnavailable

pytestmark = [pytest.mark.envoy, pytest.mark.slow]


def rule(http: str, name: str = "bad") -> str:
    spec = '{"hosts": ["front"], "http": %s}'
    return f'{{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {{"name": "{name}"}}, "spec": {spec % http}}}'


def weights(*found: int) -> str:
    return json.dumps([{"route": [to("front", weight=weight) for weight in found]}])


def bomb() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 10)]
    return "\n".join(lines)


BAD = [
    pytest.param(rule('"soon"'), "wrong-type", id="wrong-type"),
    pytest.param(rule('[{"rout": []}]'), "unknown-field", id="unknown-field"),
    pytest.param(rule('[{"route": [{"destination": {"host": "nobody"}}]}]'), "unknown-host", id="unknown-host"),
    pytest.param(
        rule('[{"route": [{"destination": {"host": "front", "subset": "v9"}}]}]'), "unknown-subset", id="unknown-subset"
    ),
    pytest.param(rule('[{"match": [{"uri": {"regex": "(?=a)"}}]}]'), "bad-regex", id="regex-that-re2-refuses"),
    pytest.param(rule(weights(0, 0)), "weights-sum-zero", id="weights-that-sum-to-zero"),
    pytest.param(rule(weights(1), name="way-in"), ("declared-twice", "owned-elsewhere"), id="one-object-in-two-places"),
    pytest.param("#" * (50 << 20), "too-large", id="file-of-50-megabytes"),
    pytest.param(bomb(), "alias-bomb", id="yaml-bomb"),
    pytest.param("[" * 100_000, "too-deep", id="100000-brackets"),
    pytest.param("kind: [", "bad-yaml", id="not-yaml"),
    pytest.param("\udcff".encode("utf-8", "surrogateescape"), "not-utf8", id="not-utf8"),
]


def write_front(folder) -> None:
    folder.write("gateway.yaml", *gateway(free_port(), "front"))
    folder.write("front.yaml", service("front"), workload("front"), subsets("front", "v1"))


def content(bad: str | bytes) -> bytes:
    return bad if isinstance(bad, bytes) else bad.encode()


@pytest.mark.parametrize(("bad", "codes"), BAD)
async def test_bad_file_is_one_line_and_traffic_goes_on(folder, bad, codes):
    write_front(folder)
    code = codes if isinstance(codes, str) else codes[0]
    async with running(folder) as mesh, load(mesh.port) as made:
        await made.more()
        generation = mesh.control.world.generation
        (folder.path / "bad.yaml").write_bytes(content(bad))
        await until(lambda: any(f" {code}: " in line for line in mesh.lines))
        told = [line for line in mesh.lines if f" {code}: " in line]
        assert len(told) == (2 if code == "declared-twice" else 1)  # both places are told
        assert "bad.yaml:" in told[0]
        assert not any("\n" in line for line in told)
        await made.more()
        if code not in ("unknown-host", "unknown-subset"):  # these are answered by 503, where they decide
            assert made.failed == {}
            assert mesh.control.world.generation == generation

        (folder.path / "bad.yaml").unlink()
        await until(lambda: any(line.startswith("mended: ") for line in mesh.lines))
        await made.from_now_on()
        assert made.failed == {}


@pytest.mark.parametrize(("bad", "codes"), BAD)
async def test_bad_input_is_not_applied(folder, tmp_path_factory, bad, codes):
    write_front(folder)
    code = codes if isinstance(codes, str) else codes[1]
    path = tmp_path_factory.mktemp("elsewhere") / "bad.yaml"
    path.write_bytes(content(bad))
    async with running(folder) as mesh, load(mesh.port) as made:
        await made.more()
        revision = mesh.control.revision
        async with pidalio("apply", "-f", path, folder=folder.path) as apply:
            assert await apply.ends() == 1
        assert f"{code}: " in apply.output
        assert "Traceback" not in apply.output
        assert len(apply.output) < 2000
        assert mesh.control.revision == revision
        await made.more()
        assert made.failed == {}


async def test_full_disk_refuses_changes_and_instances_still_come_and_go(folder, monkeypatch):
    write_front(folder)

    async def full(*_: object, **__: object) -> None:
        raise HistoryUnavailable("the history cannot be written: no space left on device")

    async with running(folder) as mesh, load(mesh.port) as made:
        record = mesh.control.history.record
        monkeypatch.setattr(mesh.control.history, "record", full)
        folder.write("routes.yaml", routes("front", {"route": [to("front", "v1")]}))
        await until(lambda: any("history-unavailable: " in line for line in mesh.lines))
        assert mesh.control.objects("VirtualService", "default")[0].meta.name == "way-in"

        (member,) = mesh.mesh.fleet.members
        await member.sidecar.supervisor.replace()
        await until(member.sidecar.registered.is_set)
        await made.from_now_on()
        assert made.failed == {}

        monkeypatch.setattr(mesh.control.history, "record", record)
        await until(lambda: any(line.startswith("mended: ") for line in mesh.lines))
        assert [one.meta.name for one in mesh.control.objects("VirtualService")] == ["front", "way-in"]
