"""Paths and gateways: rules that the platform owns, beside those of users."""

import pytest
from tests.platforms.cloudfoundry.at_work import HOST, Following, plain

from pidalio.api.load import load
from pidalio.errors import Unavailable
from pidalio.model import Proxy, ProxyType
from pidalio.pipeline import plans_for
from pidalio.rules import services
from pidalio.rules.visibility import Scope
from pidalio.server.control_plane import ControlPlane
from pidalio.server.explaining import decide_for
from pidalio.simulate import Request

pytestmark = pytest.mark.platform("nats")


async def test_a_path_is_a_rule_of_the_platform_and_goes_with_it(control, server, cells):
    async with Following(control, server) as following:
        await cells.register("1", plain(1))
        await cells.register("2", plain(2, f"{HOST}/api"))
        await following.served("10.0.0.1")
        await following.until(
            lambda: [str(one.ref) for one in control.objects()], [f"VirtualService default/cf-{HOST}"]
        )
        (item,) = control.objects()
        api = item.spec.http[0].route[0].destination.host
        await following.served("10.0.0.2", host=api)
        await cells.unregister("2")
        await following.until(lambda: control.objects() == ())
        assert following.seen() == ["10.0.0.1"]


async def test_a_rule_of_a_user_takes_the_place_of_a_paths_rule(control, server, cells):
    async with Following(control, server) as following:
        await cells.register("1", plain(1))
        await cells.register("2", plain(2, f"{HOST}/api"))
        await following.until(lambda: len(control.objects()), 1)
        (path,) = (one for one in services.visible_services(control.world, Scope("")) if ".paths." in one[0])
        assert sent_to(control, "/api/x") == f"outbound|80||{path[0]}"
        assert sent_to(control, "/apis") == f"outbound|80||{HOST}"
        await control.apply(load(RULE, "").parsed, author="test", force=True)
        assert sent_to(control, "/api/x") == f"outbound|80||{HOST}"


async def test_gateways_serve_routes_where_that_is_wanted(control, server, cells):
    await control.apply(load(GATEWAY, "").parsed, author="test")
    async with Following(control, server, gateways="default/edge") as following:
        await cells.register("1", plain(1))
        await following.until(lambda: len(control.objects()), 2)
        edge = Proxy(ProxyType.ROUTER, "10.9.9.8", "edge", "default", labels=(("istio", "edge"),))
        tables = plans_for(control.world, edge).tables
        assert HOST in {domain for table in tables for host in table.virtual_hosts for domain in host.domains}


RULE = f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: mine}}
spec: {{hosts: [{HOST}], http: [{{route: [{{destination: {{host: {HOST}}}}}]}}]}}
"""
GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec: {selector: {istio: edge}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
"""


def sent_to(control: ControlPlane, path: str) -> str:
    caller = Proxy(ProxyType.SIDECAR, "10.9.9.9", "caller", "default", outbound="127.0.0.1:15001")
    (destination,) = decide_for(control.world, caller, Request(authority=HOST, path=path)).action.destinations
    return destination.cluster


@pytest.mark.parametrize("failures", [1, 2])
async def test_rules_that_cannot_be_recorded_now_are_recorded_later_though_nothing_else_happens(
    control, server, cells, failures
):
    async with Following(control, server) as following:
        says, refused = following.follower.objects, 0

        async def objects(*said, **more) -> None:
            nonlocal refused
            if refused < failures:
                refused += 1
                raise Unavailable("no disk")
            await says(*said, **more)

        following.follower.objects = objects
        await cells.register("1", plain(1, f"{HOST}/api"))
        await following.until(lambda: len(control.objects()), 1)
        refused = 0
        await cells.unregister("1")
        await following.until(lambda: control.objects() == ())
