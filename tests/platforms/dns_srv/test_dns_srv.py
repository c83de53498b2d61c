"""The adapter of the guide "Add a platform": as a package of a third party, and against a name server."""

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.pages import blocks
from tests.platforms.dns_srv.zone import Zone
from tests.platforms.followed import Followed, eventually

from pidalio.errors import UsageError
from pidalio.platforms.installed import from_option, names
from pidalio.rules import services

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "examples" / "dns-srv"
WEB = "_http._tcp.web.example.org"
API = "_http._tcp.api.example.org"


@pytest.fixture(scope="session")
def installed(tmp_path_factory) -> Path:
    """Install the package as a user would, into a folder of the test's."""
    target = tmp_path_factory.mktemp("site")
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    subprocess.run((*pip, "--target", target, PACKAGE), check=True, timeout=120)
    return target


@pytest.fixture(autouse=True)
def at_hand(installed, monkeypatch) -> None:
    monkeypatch.syspath_prepend(installed)
    importlib.invalidate_caches()


@pytest.fixture
async def zone():
    async with Zone() as server:
        yield server


def following(control, zone: Zone, asked: str) -> Followed:
    return Followed(control, from_option(f"dns-srv={asked}?server=127.0.0.1:{zone.port}"))


def seen(control, host: str = "web.example.org") -> dict[str, tuple[int, str]]:
    found = services.endpoints(control.world, (host, "default"))
    return {one.address: (one.port, dict(one.labels).get("version", "")) for one in found}


def test_a_package_brings_a_kind_of_platform():
    assert "dns-srv" in names()


async def test_records_are_instances_with_their_ports_labels_and_weights(control, zone):
    zone.instances(WEB, ("a.example.org", "10.0.0.1", 8081, "v1"), ("b.example.org", "10.0.0.2", 8082, "v2"))
    async with following(control, zone, WEB):
        await eventually(lambda: seen(control), {"10.0.0.1": (8081, "v1"), "10.0.0.2": (8082, "v2")})
    service = services.service(control.world, ("web.example.org", "default"))
    assert [(port.number, port.protocol.name) for port in service.ports] == [(80, "HTTP")]
    assert {one.weight for one in services.endpoints(control.world, ("web.example.org", "default"))} == {5}


async def test_only_the_best_priority_counts(control, zone):
    zone.instances(WEB, ("a.example.org", "10.0.0.1", 8081, "v1"), ("b.example.org", "10.0.0.2", 8082, "v1"))
    zone.records[WEB, "SRV"] = ["10 0 8081 a.example.org.", "20 0 8082 b.example.org."]
    async with following(control, zone, WEB):
        await eventually(lambda: seen(control), {"10.0.0.1": (8081, "v1")})


async def test_changes_are_found_and_a_name_that_is_gone_has_no_instances(control, zone):
    zone.instances(WEB, ("a.example.org", "10.0.0.1", 8081, "v1"))
    async with following(control, zone, WEB):
        await eventually(lambda: seen(control), {"10.0.0.1": (8081, "v1")})
        zone.instances(WEB, ("a.example.org", "10.0.0.1", 8081, "v2"), ("c.example.org", "10.0.0.3", 8083, "v2"))
        await eventually(lambda: seen(control), {"10.0.0.1": (8081, "v2"), "10.0.0.3": (8083, "v2")})
        zone.instances(WEB)
        await eventually(lambda: seen(control), {})


async def test_a_server_that_fails_takes_nothing_away(control, zone):
    zone.instances(WEB, ("a.example.org", "10.0.0.1", 8081, "v1"))
    zone.instances(API, ("b.example.org", "10.0.0.2", 8082, "v1"))
    async with following(control, zone, f"{WEB},{API}") as follower:
        await eventually(lambda: (seen(control), seen(control, "api.example.org")) != ({}, {}), True)
        await eventually(lambda: follower.standing().state, "synced")
        zone.refuses.add(WEB)
        await eventually(lambda: follower.standing().state, "stale")
        assert re.match(rf"{WEB}: ", follower.standing().error)
        zone.instances(API, ("c.example.org", "10.0.0.3", 8083, "v1"))
        await eventually(lambda: seen(control, "api.example.org"), {"10.0.0.3": (8083, "v1")})
        assert seen(control) == {"10.0.0.1": (8081, "v1")}
        zone.refuses.clear()
        await eventually(lambda: follower.standing().state, "synced")


async def test_what_was_never_read_is_not_empty(control, zone):
    zone.refuses.add(WEB)
    async with following(control, zone, WEB) as follower:
        await eventually(lambda: [one.code for one in follower.reports()], ["platform-not-read"])
    assert services.service(control.world, ("web.example.org", "default")) is None


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("dns-srv", "--platform dns-srv: dns-srv: Object missing required field `names`"),
        (
            "dns-srv=web.example.org",
            (
                "--platform dns-srv=web.example.org: dns-srv: "
                "names: 'web.example.org' is no SRV name: write _SERVICE._PROTOCOL.DOMAIN"
            ),
        ),
        (
            f"dns-srv={WEB}?protocol=FTP",
            f"--platform dns-srv={WEB}?protocol=FTP: dns-srv: protocol: 'FTP' is none of HTTP, HTTP2, GRPC",
        ),
        (
            f"dns-srv={WEB}?hostname={{zone}}.test",
            (
                f"--platform dns-srv={WEB}?hostname={{zone}}.test: dns-srv: "
                "hostname: '{zone}.test' has no part {zone} to fill in: there are {domain}, {protocol}, {service}"
            ),
        ),
        ("consolation", "no kind of platform 'consolation': there are "),
        ("files=mesh", "no kind of platform 'files': files are named as PATHS, without --platform"),
        ("vm", "no kind of platform 'vm': machines register themselves, without --platform (`pidalio agent --group`)"),
    ],
)
def test_mistakes_are_one_line(option, message):
    with pytest.raises(UsageError) as told:
        from_option(option)
    assert str(told.value).startswith(message)


def test_the_example_is_short():
    (file,) = (PACKAGE / "pidalio_dns_srv").glob("*.py")
    assert len(file.read_text().splitlines()) < 150


def test_the_guide_shows_the_example_as_it_is():
    (file,) = (PACKAGE / "pidalio_dns_srv").glob("*.py")
    lines = [line.strip() for line in file.read_text().splitlines()]
    shown = [one.text for one in blocks(Path("docs/guides/add-a-platform.md")) if one.language == "python"]
    assert len(shown) == 5
    for text in shown:
        part = [line.strip() for line in text.splitlines()]
        assert any(lines[start : start + len(part)] == part for start in range(len(lines))), text
