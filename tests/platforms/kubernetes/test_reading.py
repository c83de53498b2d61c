"""What happens between an API server and the mesh: pages, watches, and everything that goes wrong with them."""

import asyncio
import contextlib
import json

import pytest
from aiohttp import web

from pidalio.history import SqliteHistory
from pidalio.platforms.following import Follower
from pidalio.platforms.following.follower import Pace
from pidalio.platforms.kubernetes import KIND
from pidalio.platforms.kubernetes.reading import reflector
from pidalio.platforms.kubernetes.settings import KubernetesSettings
from pidalio.rules import services
from pidalio.server.control_plane import ControlPlane
from pidalio.server.platforms import Taking
from pidalio.store import tables

from .fake_api import gone, member, pod, service, serving, slice_, status

PACE = Pace(patience=0.05, gather=0, keep=60)
LISTS = ("pods", "services", "endpointslices")


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(reflector, "_SURE", 0.01)
    monkeypatch.setattr(reflector, "_ABSENT", 0.05)
    monkeypatch.setattr(reflector, "_SHORTEST", 0.0)


@pytest.fixture
async def api(tmp_path):
    async with serving(tmp_path) as api:
        await api.put("services", service("web"))
        await api.put("pods", pod("web-1", "10.0.0.1"))
        await api.put("endpointslices", slice_("web-a", member("web-1", "10.0.0.1")))
        yield api


class Followed:
    def __init__(self, control, follower) -> None:
        self.control, self.follower = control, follower

    def endpoints(self, name="web", namespace="shop"):
        found = services.endpoints(self.control.world, (f"{name}.{namespace}.svc.cluster.local", namespace))
        return [one.address for one in found]

    def rules(self):
        return [str(item.ref) for item in self.control.objects()]

    def codes(self):
        return [one.code for one in self.follower.reports()]

    def told(self):
        return "; ".join(one.message for one in self.follower.reports())

    async def until(self, holds, shown=None) -> None:
        async with asyncio.timeout(20):
            while not holds():
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def following(api, **settings):
    async with begun(api, **settings) as mesh:
        async with asyncio.timeout(20):
            await mesh.follower.wait_ready()
        yield mesh


@contextlib.asynccontextmanager
async def begun(api, *, file=None, **settings):
    history = await SqliteHistory.open(api.folder / "history.db")
    control = ControlPlane(history)
    adapter = KIND.build(KubernetesSettings(kubeconfig=api.kubeconfig, status=False, **settings))
    follower = Follower("kubernetes", "kubernetes", adapter, Taking(control, lambda _: None), file=file, pace=PACE)
    await follower.restore()
    task = asyncio.create_task(follower.run())
    try:
        yield Followed(control, follower)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await history.close()


async def test_what_is_there_is_read_and_what_changes_follows(api):
    async with following(api) as mesh:
        assert mesh.endpoints() == ["10.0.0.1"]
        assert mesh.follower.standing().state == "synced"
        assert mesh.codes() == []
        await api.put("pods", pod("web-2", "10.0.0.2"))
        await api.put("endpointslices", slice_("web-a", member("web-1", "10.0.0.1"), member("web-2", "10.0.0.2")))
        await mesh.until(lambda: mesh.endpoints() == ["10.0.0.1", "10.0.0.2"])
        await api.put("endpointslices", slice_("web-b"))
        await api.drop("endpointslices", "shop", "web-a")
        await mesh.until(lambda: mesh.endpoints() == [])


async def test_large_lists_come_in_pages(api):
    await api.put("services", *(service(f"s{number}") for number in range(1200)))
    async with following(api) as mesh:
        assert mesh.follower.standing().services == 1201
        pages = [one.query.get("continue", "") for one in api.asked if one.path.endswith("/services")]
        assert pages[:3] == ["", "500", "1000"]


async def test_a_token_that_grew_old_while_pages_were_read_begins_anew(api):
    await api.put("services", *(service(f"s{number}") for number in range(1200)))
    old = iter((True, True))

    def fault(request):
        if request.query.get("continue") == "500" and next(old, False):
            return status(410, "Expired", "the provided continue parameter is too old", metadata={"continue": "x"})
        return None

    api.fault = fault
    async with following(api) as mesh:
        assert mesh.follower.standing().services == 1201
        assert mesh.codes() == []


async def test_a_past_that_is_gone_is_listed_anew_and_what_vanished_meanwhile_vanishes(api):
    await api.put("pods", pod("web-2", "10.0.0.2"))
    await api.put("endpointslices", slice_("web-b", member("web-2", "10.0.0.2")))
    async with following(api) as mesh:
        assert mesh.endpoints() == ["10.0.0.1", "10.0.0.2"]
        api.objects["endpointslices"].pop(("shop", "web-b"))
        api.version += 10
        api.forget()
        api.say("endpointslices", "ERROR", gone())
        await mesh.until(lambda: mesh.endpoints() == ["10.0.0.1"])
        assert mesh.codes() == []


async def test_a_relist_without_a_change_changes_nothing(api):
    async with following(api) as mesh:
        generation = mesh.control.world.generation
        counts = {one: api.list_count(one) for one in LISTS}
        api.forget()
        for one in LISTS:
            api.say(one, "ERROR", gone())
        await mesh.until(lambda: all(api.list_count(one) > counts[one] for one in LISTS))
        await api.put("services", service("last"))
        await mesh.until(lambda: mesh.follower.standing().services == 2)
        assert mesh.control.world.generation == generation + 1


async def test_a_server_that_has_not_come_to_our_version_is_asked_again_with_it_and_then_listed(api):
    causes = {"details": {"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large"}]}}
    ahead = {"kind": "Status", "reason": "Timeout", "code": 504, "message": "Too large resource version", **causes}
    async with following(api) as mesh:
        lists = api.list_count("services")
        (version,) = api.watched_from("services")
        for time in range(2, 6):
            api.say("services", "ERROR", ahead)
            await mesh.until(lambda time=time: len(api.watched_from("services")) == time)
        assert set(api.watched_from("services")[:4]) == {version}
        assert api.list_count("services") == lists + 1
        await mesh.until(lambda: mesh.follower.standing().state == "synced")


async def test_a_stream_that_is_cut_goes_on_where_it_was(api):
    async with following(api) as mesh:
        lists = api.list_count("endpointslices")
        await api.hang_up()
        await api.put("pods", pod("web-2", "10.0.0.2"))
        await api.put("endpointslices", slice_("web-b", member("web-2", "10.0.0.2")))
        await mesh.until(lambda: mesh.endpoints() == ["10.0.0.1", "10.0.0.2"])
        assert api.list_count("endpointslices") == lists


async def test_a_slice_that_vanished_while_its_pod_changes_stays_vanished(api, monkeypatch):
    """What is made anew of a slice that a complete list does not have is not newer than the list."""
    monkeypatch.setattr("pidalio.platforms.kubernetes.adapter._GATHER", 0)
    many = [member(f"old-{number}", f"10.0.1.{number}") for number in range(12)]
    await api.put("pods", *(pod(f"old-{number}", f"10.0.1.{number}") for number in range(12)))
    await api.put("endpointslices", slice_("web-b", *many))
    async with following(api) as mesh:
        key = ("shop", "old-3", "kubernetes/Pod")
        counted = api.list_count("endpointslices")

        async def pod_changes(request) -> None:
            """Change a pod while the list is read that is to confirm the first one."""
            if request.path.endswith("/endpointslices") and api.list_count("endpointslices") == counted + 2:
                await api.put("pods", pod("old-3", "10.0.1.3", labels={"app": "web", "version": "v2"}))
                await mesh.until(lambda: ("version", "v2") in tables.WORKLOADS.get(mesh.control.world, key).labels)
                for _ in range(20):
                    await asyncio.sleep(0)

        api.before = pod_changes
        api.objects["endpointslices"].pop(("shop", "web-b"))
        api.version += 10
        api.forget()
        api.say("endpointslices", "ERROR", gone())
        await mesh.until(lambda: len(mesh.endpoints()) < 13)
        await api.put("endpointslices", slice_("web-c", member("web-1", "10.0.0.2")))
        await mesh.until(lambda: "10.0.0.2" in mesh.endpoints())
        assert mesh.endpoints() == ["10.0.0.1", "10.0.0.2"]


async def test_bookmarks_move_the_version_on(api):
    async with following(api) as mesh:
        api.say("services", "BOOKMARK", {"kind": "Service", "metadata": {"resourceVersion": "777"}})
        api.say("services", "ADDED", service("mark"))
        await mesh.until(lambda: mesh.follower.standing().services == 2)
        await api.hang_up()
        await mesh.until(lambda: "777" in api.watched_from("services"))


async def test_lists_that_are_null_are_empty(api):
    await api.put("endpointslices", {**slice_("web-none"), "endpoints": None, "ports": None})
    async with following(api) as mesh:
        assert mesh.endpoints() == ["10.0.0.1"]
        assert mesh.codes() == []


async def test_a_restored_backup_is_told_and_taken_for_true(api):
    async with following(api) as mesh:
        api.version = 7
        api.objects["services"].pop(("shop", "web"))
        api.forget()
        api.say("services", "ERROR", gone())
        await mesh.until(lambda: mesh.follower.standing().services == 0)
        await mesh.until(lambda: mesh.codes() == ["kubernetes-went-back"])


async def test_a_backup_that_was_restored_behind_our_back_is_found_by_its_silence(api, monkeypatch):
    """A real server lets a watch from a version that is still to come wait, without a bookmark and without an error."""
    monkeypatch.setattr(reflector, "_SILENT", 0.0)
    async with following(api) as mesh:
        lists = {one: api.list_count(one) for one in LISTS}
        api.version = 7
        api.objects["services"].pop(("shop", "web"))
        api.forget()
        api.say("pods", "BOOKMARK", {"kind": "Pod", "metadata": {"resourceVersion": "777"}})
        api.say("pods", "MODIFIED", pod("web-1", "10.0.0.7"))
        key = ("shop", "web-1", "kubernetes/Pod")
        await mesh.until(lambda: tables.WORKLOADS.get(mesh.control.world, key).address == "10.0.0.7")
        await api.hang_up()
        await mesh.until(lambda: mesh.follower.standing().services == 0)
        await mesh.until(lambda: "services: the cluster went back from version 103 to 7" in mesh.told())
        await mesh.until(lambda: "777" in api.watched_from("pods"))  # which was heard: it goes on where it was
        assert api.list_count("pods") == lists["pods"]


async def test_one_kind_that_may_not_be_read_is_told_with_its_permission_and_the_rest_goes_on(api):
    api.forbidden = {"nodes"}
    async with following(api) as mesh:
        assert mesh.endpoints() == ["10.0.0.1"]
        assert mesh.follower.standing().state == "synced"
        (told,) = mesh.follower.reports()
        assert told.code == "kubernetes-forbidden"
        assert 'allow get, list and watch on nodes of apiGroups [""] in a ClusterRole' in told.message
        assert "\n" not in told.message


async def test_without_pods_instances_are_there_without_labels(api):
    api.forbidden = {"pods"}
    async with following(api) as mesh:
        assert mesh.endpoints() == ["10.0.0.1"]
        (told,) = mesh.follower.reports()
        assert "until then instances have no labels" in told.message


RULE = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "web", "namespace": "shop", "managedFields": [{"manager": "kubectl"}], "generation": 1},
    "spec": {"hosts": ["web"], "http": [{"route": [{"destination": {"host": "web"}}]}]},
    "status": {"conditions": []},
}


async def test_rules_come_change_and_go(api):
    await api.put("virtualservices", dict(RULE))
    async with following(api) as mesh:
        assert mesh.rules() == ["VirtualService shop/web"]
        revision = mesh.control.revision
        await api.put("virtualservices", {**RULE, "status": {"conditions": [{"type": "Effective"}]}})
        await api.put("virtualservices", {**RULE, "metadata": {"name": "api", "namespace": "shop"}})
        await mesh.until(lambda: len(mesh.rules()) == 2)
        assert mesh.control.revision == revision + 1
        await api.drop("virtualservices", "shop", "web")
        await mesh.until(lambda: mesh.rules() == ["VirtualService shop/api"])


async def test_a_kind_that_is_not_installed_is_empty_and_found_when_it_comes(api):
    api.served = {}
    async with following(api) as mesh:
        assert mesh.codes() == []
        api.served = {"networking.istio.io/v1beta1": {"virtualservices"}}
        await api.put("virtualservices", {**RULE, "apiVersion": "networking.istio.io/v1beta1"})
        await mesh.until(lambda: mesh.rules() == ["VirtualService shop/web"])
        api.served = {}
        await api.hang_up()
        await mesh.until(lambda: mesh.rules() == [])


async def test_what_cannot_be_read_is_told_and_the_others_count(api):
    await api.put("endpointslices", slice_("web-bad", member("web-1", "10.0.0.9"), port="http"))
    async with following(api) as mesh:
        assert mesh.endpoints() == ["10.0.0.1"]
        (told,) = mesh.follower.reports()
        assert (told.code, str(told.object)) == ("kubernetes-malformed", "EndpointSlice shop/web-bad")
        assert "Expected `int`" in told.message
        await api.put("endpointslices", slice_("web-a", member("web-1", "10.0.0.1"), port="http"))
        await mesh.until(lambda: len(mesh.codes()) == 2)
        assert mesh.endpoints() == ["10.0.0.1"]  # what was known stays
        await api.put("endpointslices", slice_("web-bad"), slice_("web-a", member("web-1", "10.0.0.1")))
        await mesh.until(lambda: mesh.codes() == [])


async def test_a_slice_of_names_is_told(api):
    await api.put("endpointslices", slice_("web-names", {"addresses": ["web.example.com"]}, addressType="FQDN"))
    async with following(api) as mesh:
        assert mesh.codes() == ["kubernetes-names"]
        assert mesh.endpoints() == ["10.0.0.1"]


async def test_an_object_that_is_nested_without_end_stops_its_kind_alone(api):
    deep = '{"metadata":{},"items":[{"spec":' + '{"a":' * 5000 + "1" + "}" * 5000 + "}]}"
    api.fault = lambda request: web.Response(text=deep) if request.path.endswith("/gateways") else None
    async with begun(api) as mesh:
        await mesh.until(lambda: mesh.endpoints() == ["10.0.0.1"])
        await mesh.until(lambda: mesh.codes() == ["platform-not-read"])
        assert "/networking.istio.io/v1/gateways: it holds something that is nested too deeply" in mesh.told()
        await api.put("endpointslices", slice_("web-b", member("web-1", "10.0.0.2")))
        await mesh.until(lambda: mesh.endpoints() == ["10.0.0.1", "10.0.0.2"])


async def test_a_server_without_a_kind_that_all_have_is_told(api):
    api.fault = lambda request: web.Response(status=404) if request.path.endswith("/endpointslices") else None
    async with begun(api) as mesh:
        await mesh.until(lambda: mesh.codes() == ["platform-not-read"])
        assert "there is no endpointslices.discovery.k8s.io at the server (404)" in mesh.told()


async def test_a_server_of_something_else_is_told(api):
    api.fault = lambda _request: web.Response(status=404, text="nothing here")
    async with begun(api) as mesh:
        await mesh.until(lambda: "is it Kubernetes' API?" in mesh.follower.standing().error)
        assert mesh.codes() == ["platform-not-read"]


async def test_a_line_of_a_megabyte_is_read(api):
    async with following(api) as mesh:
        many = [member(f"web-{number}", f"10.1.{number // 250}.{number % 250}") for number in range(3000)]
        said = slice_("web-b", *many)
        assert len(json.dumps(said)) > 512 << 10
        await api.put("pods", *(pod(one["targetRef"]["name"], one["addresses"][0]) for one in many))
        await api.put("endpointslices", said)
        await mesh.until(lambda: len(mesh.endpoints()) == 3001)


async def test_only_the_namespaces_that_are_named_are_read(api):
    await api.put("services", service("web", "other"))
    await api.put("endpointslices", slice_("web-a", member("web-9", "10.0.9.9"), namespace="other"))
    async with following(api, namespaces="shop") as mesh:
        assert mesh.endpoints() == ["10.0.0.1"]
        assert mesh.follower.standing().services == 1
        assert not [one for one in api.asked if one.path == "/api/v1/services"]


async def test_what_was_known_of_namespaces_that_are_not_named_any_more_goes(api, tmp_path):
    await api.put("services", service("api", "other"))
    await api.put("pods", pod("api-1", "10.0.9.9", namespace="other"))
    await api.put("virtualservices", RULE, RULE | {"metadata": {"name": "api", "namespace": "other"}})
    async with following(api, file=tmp_path / "kept") as mesh:
        assert mesh.follower.standing().services == 2
        assert len(mesh.rules()) == 2
    async with following(api, file=tmp_path / "kept", namespaces="shop") as mesh:
        await mesh.until(lambda: mesh.follower.standing().services == 1)
        await mesh.until(lambda: mesh.rules() == ["VirtualService shop/web"])
        assert mesh.endpoints() == ["10.0.0.1"]
        assert len(tables.WORKLOADS.keys(mesh.control.world)) == 1


async def test_namespaces_are_picked_by_their_labels_and_another_choice_follows(api):
    mesh_of = {"mesh": "on"}
    await api.put("namespaces", {"metadata": {"name": "shop", "labels": mesh_of}}, {"metadata": {"name": "other"}})
    await api.put("services", service("web", "other"))
    async with following(api, namespace_selector="mesh=on") as mesh:
        assert mesh.endpoints() == ["10.0.0.1"]
        assert mesh.follower.standing().services == 1
        await api.put("namespaces", {"metadata": {"name": "other", "labels": mesh_of}})
        await mesh.until(lambda: mesh.follower.standing().services == 2)
        assert mesh.endpoints() == ["10.0.0.1"]


async def test_what_is_told_of_one_choice_of_namespaces_is_taken_back_by_another(api):
    """What may be read, is mended or is not read any more since then is told no longer."""
    chosen = {"labels": {"mesh": "on"}}
    await api.put("namespaces", *({"metadata": {"name": name, **chosen}} for name in ("shop", "other", "third")))
    for namespace in ("other", "third"):
        await api.put("endpointslices", slice_("bad", member("web-1", "10.0.0.9"), port="http", namespace=namespace))
    api.forbidden = {"nodes", "pods"}
    async with following(api, namespace_selector="mesh=on") as mesh:
        await mesh.until(lambda: len(mesh.codes()) == 4)
        api.forbidden = set()
        api.objects["endpointslices"].pop(("third", "bad"))
        await api.drop("namespaces", "", "other")
        await mesh.until(lambda: mesh.codes() == [])
        (one,) = services.endpoints(mesh.control.world, ("web.shop.svc.cluster.local", "shop"))
        assert ("version", "v1") in one.labels


async def test_an_api_server_that_fails_is_told_and_what_is_known_stays(api):
    async with following(api) as mesh:
        api.fault = lambda _request: web.Response(status=503, text="overloaded", headers={"Retry-After": "0"})
        await api.hang_up()
        await mesh.until(lambda: "503" in mesh.follower.standing().error)
        assert mesh.follower.standing().state == "stale"
        assert mesh.endpoints() == ["10.0.0.1"]
        api.fault = lambda _request: None
        await mesh.until(lambda: mesh.follower.standing().state == "synced")


async def test_two_clusters_keep_what_is_theirs_apart(api, tmp_path):
    history = await SqliteHistory.open(tmp_path / "both.db")
    control = ControlPlane(history)
    tasks = []
    for rank, name in enumerate(("east", "west"), 1):
        adapter = KIND.build(KubernetesSettings(kubeconfig=api.kubeconfig, status=False, name=name))
        follower = Follower(name, "kubernetes", adapter, Taking(control, lambda _: None), rank=rank, pace=PACE)
        tasks.append(asyncio.create_task(follower.run()))
        async with asyncio.timeout(20):
            await follower.wait_ready()
    mesh = Followed(control, follower)
    assert mesh.endpoints() == ["10.0.0.1"]
    assert len(tables.ENDPOINTS.keys(control.world)) == len(tables.WORKLOADS.keys(control.world)) == 2
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await history.close()
