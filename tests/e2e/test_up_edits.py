"""`up` under constant load: whatever is edited, no request is lost."""

import pytest
from tests.e2e.embedded import gateway, load, routes, running, service, subsets, to, until, workload
from tests.ports import free_port

pytestmark = [pytest.mark.envoy, pytest.mark.slow]


def write_shop(folder, **reviews) -> None:
    calls = {"CALLS": "reviews=http://reviews:9080"}
    folder.write("gateway.yaml", *gateway(free_port(), "front"))
    folder.write("front.yaml", service("front"), workload("front", environment=calls))
    folder.write("reviews.yaml", service("reviews"), workload("reviews", "v1", **reviews), workload("reviews", "v2"))
    folder.write("subsets.yaml", subsets("reviews", "v1", "v2"))
    folder.write("routes.yaml", routes("reviews", {"route": [to("reviews", "v1")]}))


async def test_rules_change_under_load(folder):
    write_shop(folder)
    async with running(folder) as mesh, load(mesh.port) as made:
        await made.more()
        assert set(made.outcomes) == {"200 reviews v1"}

        await mesh.edit("routes.yaml", routes("reviews", {"route": [to("reviews", "v1", 50), to("reviews", "v2", 50)]}))
        await made.more()
        assert set(made.outcomes) == {"200 reviews v1", "200 reviews v2"}

        by_user = {"match": [{"headers": {"x-user": {"exact": "ada"}}}], "route": [to("reviews", "v2")]}
        await mesh.edit("routes.yaml", routes("reviews", by_user, {"route": [to("reviews", "v1")]}))
        await made.more()

        await mesh.edit("subsets.yaml", subsets("reviews", "v1", "v2", "all"))
        await mesh.edit("both.yaml", *both_subset_and_route())
        await made.more()

        await mesh.edit("routes.yaml", routes("reviews", {"route": [to("reviews")]}))
        await mesh.edit("subsets.yaml", subsets("reviews", "v2"))
        await made.more()
        assert made.failed == {}


def both_subset_and_route() -> list[dict]:
    """Return rules of another host that come with their subset in one file."""
    return [subsets("front", "v1"), routes("front", {"route": [to("front", "v1")]})]


async def test_instances_change_under_load(folder):
    write_shop(folder, replicas=2)
    async with running(folder) as mesh, load(mesh.port) as made:
        await made.more()
        for replicas, extra in ((3, ["reviews-v1-2"]), (1, [])):
            await mesh.edit(
                "reviews.yaml", service("reviews"), workload("reviews", replicas=replicas), workload("reviews", "v2")
            )
            kept = ["front-v1-0", "reviews-v1-0", "reviews-v2-0"] + (["reviews-v1-1"] if replicas > 1 else [])
            await mesh.instances(*kept, *extra)
            await made.more()
        assert made.failed == {}


async def test_replaced_instance_loses_nothing(folder):
    write_shop(folder)
    async with running(folder) as mesh, load(mesh.port) as made:
        await made.more()
        changed = workload("reviews", environment={"SERVICE": "new-reviews"})
        await mesh.edit("reviews.yaml", service("reviews"), changed, workload("reviews", "v2"))
        await until(lambda: made.outcomes["200 new-reviews v1"])
        await mesh.instances("front-v1-0", "reviews-v1-0", "reviews-v2-0")
        assert made.failed == {}
        await made.from_now_on()
        assert set(made.outcomes) == {"200 new-reviews v1"}


async def test_command_that_fails_leaves_the_former_one_serving(folder):
    write_shop(folder)
    async with running(folder) as mesh, load(mesh.port) as made:
        broken = workload("reviews", command=["no-such-command"])
        await mesh.edit("reviews.yaml", service("reviews"), broken, workload("reviews", "v2"))
        await until(lambda: any("no-such-command" in line for line in mesh.lines))
        await made.more()
        assert made.failed == {}


async def test_broken_file_stops_nothing_and_is_told_until_it_is_mended(folder):
    write_shop(folder)
    async with running(folder) as mesh, load(mesh.port) as made:
        folder.write_text("routes.yaml", "kind: VirtualService\nspec: [")
        await mesh_tells(mesh, "routes.yaml:")
        await made.more()
        await mesh.edit("routes.yaml", routes("reviews", {"route": [to("reviews", "v2")]}))
        await made.from_now_on()
        assert set(made.outcomes) == {"200 reviews v2"}
        await mesh_tells(mesh, "mended: ")


async def mesh_tells(mesh, text: str) -> None:
    await until(lambda: any(text in line for line in mesh.lines))
