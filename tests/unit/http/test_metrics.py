"""Figures for Prometheus."""

import time

from prometheus_client.parser import text_string_to_metric_families
from tests.unit.http.embedded import Embedded, rule

from pidalio.http.wire import PlatformView
from pidalio.xds.typeurls import VIRTUAL_HOST


async def samples(mesh: Embedded) -> dict[tuple[str, ...], float]:
    text = (await mesh.http.get("/metrics")).text
    found = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            found[one.name, *one.labels.values()] = one.value
    return found


async def test_state_of_the_mesh(mesh: Embedded) -> None:
    mesh.connect().start()
    await mesh.apply(rule("v3"), force=True)
    found = await samples(mesh)
    assert found["pidalio_connected_proxies",] == 1
    assert found["pidalio_revision",] == 2
    assert found["pidalio_generation",] == mesh.control.world.generation
    assert found["pidalio_objects", "Service"] == 2
    assert found["pidalio_reports", "error"] == 1
    assert found["pidalio_reports", "warning"] == 0


async def test_what_passed_on_the_streams(mesh: Embedded) -> None:
    proxy = mesh.connect().start()
    before = await samples(mesh)
    await mesh.apply(rule("v1"))
    proxy.settle()
    await mesh.apply(rule("v2"))
    proxy.refuse("no")
    after = await samples(mesh)

    def more(name: str) -> float:
        return after[name, "VirtualHost"] - before.get((name, "VirtualHost"), 0)

    assert more("pidalio_xds_pushes_total") >= 2
    assert more("pidalio_xds_pushed_bytes_total") > 100
    assert more("pidalio_xds_acks_total") == 1
    assert more("pidalio_xds_ack_seconds_count") == 1
    assert more("pidalio_xds_nacks_total") == 1
    assert after["pidalio_xds_streams_total",] == 1


async def test_types_that_we_do_not_serve_are_one_label(mesh: Embedded) -> None:
    for number in range(3):
        mesh.metrics.pushed("p", f"type.googleapis.com/evil.{number}", (), (), 10, 1)
    mesh.metrics.pushed("p", VIRTUAL_HOST, (), (), 10, 1)
    found = await samples(mesh)
    kinds = {labels for name, *labels in found if name == "pidalio_xds_pushes_total" for labels in labels}
    assert kinds == {"other", "VirtualHost"}


async def test_compiling_is_timed(mesh: Embedded) -> None:
    mesh.metrics.compiled(0.004)
    found = await samples(mesh)
    assert found["pidalio_compile_seconds_count",] == 1
    assert found["pidalio_compile_seconds_bucket", "0.005"] == 1


async def test_how_platforms_are(mesh: Embedded) -> None:
    mesh.around.platforms += [
        PlatformView("consul", kind="consul", instances=3, heard=time.time()),
        PlatformView("berlin", kind="eureka", state="stale", heard=time.time() - 100),
        PlatformView("paris", kind="eureka", state="starting"),
    ]
    found = await samples(mesh)
    assert found["pidalio_platform_age_seconds", "consul"] == 0
    assert found["pidalio_platform_age_seconds", "berlin"] >= 100
    assert ("pidalio_platform_age_seconds", "paris") not in found
    states = {name[1:]: value for name, value in found.items() if name[0] == "pidalio_platform_state"}
    assert {name for name, value in states.items() if value} == {
        ("consul", "synced"),
        ("berlin", "stale"),
        ("paris", "starting"),
    }
    assert found["pidalio_platform_instances", "consul"] == 3
    assert ("pidalio_platform_instances", "files") not in found
