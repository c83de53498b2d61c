"""What every platform must live through, each time with the same canonical model in the end.

A platform's tests derive a class from `Conformance` and say how its `Subject` is made; a scenario that makes no sense
for it is skipped with the reason that `Subject.lacks` states.
"""

from collections.abc import Callable

import pytest
from tests.platforms.following_mesh import PACE, FollowingMesh
from tests.platforms.subject import Instance, Put, Subject

from pidalio.model import Health

W1, W2, A1 = "10.77.0.1:8080", "10.77.0.2:8080", "10.77.1.1:9000"
"""The instances of `web` and `api` that every scenario begins with."""


def needs(*what: str) -> Callable[[Callable[..., object]], Callable[..., object]]:
    """Say what a platform must have for a scenario to make sense."""
    return pytest.mark.needs(*what)


class Conformance:
    """The scenarios."""

    def make(self, folder) -> Subject:
        """Return the platform under test, with what its server needs in `folder`."""
        raise NotImplementedError

    def mesh_of(self, subject: Subject, folder) -> FollowingMesh:
        """Return the mesh that follows it."""
        return FollowingMesh(subject, folder)

    @pytest.fixture
    async def mesh(self, request, tmp_path):
        subject = self.make(tmp_path)
        for mark in request.node.iter_markers("needs"):
            for what in mark.args:
                if why := subject.lacks.get(what):
                    pytest.skip(f"{type(subject).__name__}: {what}: {why}")
        async with self.mesh_of(subject, tmp_path) as mesh:
            await mesh.put("web", "w1", "10.77.0.1")
            await mesh.put("web", "w2", "10.77.0.2", version="v2")
            await mesh.put("api", "a1", "10.77.1.1", 9000)
            await mesh.settled()
            await mesh.in_state("synced")
            mesh.mark()
            yield mesh

    async def test_an_instance_is_added(self, mesh):
        await mesh.put("web", "w3", "10.77.0.3", version="v2")
        await mesh.settled()
        assert mesh.always_had("web", W1, W2)

    async def test_a_service_is_added_and_removed(self, mesh):
        await mesh.put("shop", "s1", "10.77.2.1")
        await mesh.settled()
        await mesh.drop("shop", "s1")
        await mesh.settled()
        assert mesh.always_had("web", W1, W2)

    @needs("versions")
    async def test_labels_change(self, mesh):
        await mesh.put("web", "w1", "10.77.0.1", version="v3")
        await mesh.settled()
        assert mesh.always_had("web", W1, W2)

    async def test_an_instance_moves(self, mesh):
        await mesh.drop("web", "w1")
        await mesh.put("web", "w1", "10.77.0.9", 8081)
        await mesh.settled()
        assert mesh.always_had("web", W2)

    @needs("drain")
    async def test_an_instance_drains(self, mesh):
        await mesh.subject.drain("web", "w1")
        mesh.health["web", "w1"] = mesh.subject.drained
        await mesh.settled()
        assert mesh.always_had("web", W2)

    @needs("health")
    async def test_an_instance_fails_and_heals(self, mesh):
        await mesh.subject.fail("web", "w1")
        mesh.health["web", "w1"] = mesh.subject.failed
        await mesh.settled()
        await mesh.subject.heal("web", "w1")
        mesh.health["web", "w1"] = Health.HEALTHY
        await mesh.settled()
        assert mesh.always_had("web", W2)

    async def test_an_instance_is_removed(self, mesh):
        await mesh.drop("web", "w2")
        await mesh.settled()
        assert mesh.always_had("web", W1)

    @needs("renaming")
    async def test_a_service_is_renamed(self, mesh):
        await mesh.subject.rename("web", "store", dict(mesh.expected["web"]))
        for name, instance in mesh.expected.pop("web").items():
            mesh.expect("store", name, instance)
        await mesh.settled()
        assert mesh.always_had("api", A1)

    @needs("keeping")
    async def test_the_server_restarts(self, mesh):
        await mesh.restart_server(keeps=True)
        await mesh.put("web", "w3", "10.77.0.3")
        await mesh.settled()
        assert mesh.always_had("web", W1, W2)
        assert mesh.always_had("api", A1)

    async def test_the_control_plane_restarts_while_the_server_is_away(self, mesh):
        await mesh.link.cut()
        await mesh.end()
        await mesh.begin()
        assert mesh.picture() == mesh.wanted()  # before the server was heard
        await mesh.in_state("stale")
        await mesh.put("web", "w3", "10.77.0.3")
        await mesh.drop("api", "a1")
        await mesh.link.restore()
        await mesh.settled()
        assert mesh.always_had("web", W1, W2)

    async def test_the_control_plane_restarts(self, mesh):
        await mesh.end()
        await mesh.put("web", "w3", "10.77.0.3")
        await mesh.begin()
        await mesh.settled()
        await mesh.in_state("synced")
        assert mesh.always_had("web", W1, W2)

    async def test_the_network_is_cut(self, mesh):
        await mesh.link.cut()
        await mesh.in_state("stale")
        await mesh.put("web", "w3", "10.77.0.3", version="v3")
        await mesh.drop("web", "w2")
        await mesh.put("shop", "s1", "10.77.2.1")
        assert mesh.seen == [mesh.picture()]  # nothing changes meanwhile
        await mesh.link.restore()
        await mesh.settled()
        await mesh.in_state("synced")
        assert mesh.always_had("web", W1)
        assert mesh.always_had("api", A1)

    @needs("freezing")
    async def test_the_network_is_half_open(self, mesh):
        mesh.link.freeze()
        await mesh.put("web", "w3", "10.77.0.3")
        await mesh.drop("web", "w2")
        assert mesh.seen == [mesh.picture()]
        await mesh.link.restore()
        await mesh.settled()
        assert mesh.always_had("web", W1)

    @needs("freezing")
    async def test_the_network_is_half_open_and_then_cut(self, mesh):
        mesh.link.freeze()
        await mesh.put("web", "w3", "10.77.0.3")
        await mesh.link.cut()
        await mesh.drop("web", "w2")
        await mesh.link.restore()
        await mesh.settled()
        assert mesh.always_had("web", W1)

    @needs("freezing")
    async def test_the_network_is_slow(self, mesh):
        mesh.link.delay(0.3)
        await mesh.put("web", "w3", "10.77.0.3")
        await mesh.drop("web", "w2")
        await mesh.settled()
        assert mesh.always_had("web", W1)

    @needs("emptying")
    async def test_an_empty_answer_counts_when_it_is_confirmed(self, mesh):
        await mesh.link.cut()
        await mesh.empty()
        mesh.expected.clear()
        await mesh.link.restore()
        await mesh.settled()
        if "asking twice" not in mesh.subject.lacks:
            assert "held" in mesh.states

    @needs("emptying", "asking twice")
    async def test_an_empty_answer_that_is_taken_back_changes_nothing(self, mesh):
        await mesh.link.cut()
        await mesh.empty()
        await mesh.link.restore()
        await mesh.in_state("held")
        for service, instances in mesh.expected.items():
            for name, instance in instances.items():
                await mesh.subject.put(service, name, instance)
        await mesh.in_state("synced")
        await mesh.settled()
        assert mesh.always_had("web", W1, W2)
        assert mesh.always_had("api", A1)

    async def test_a_flood(self, mesh):
        begun = mesh.now()
        orders = [_order(number) for number in range(mesh.subject.flood_of)]
        await mesh.subject.flood(orders)
        for order in orders:
            mesh.expect(*order)
        await mesh.settled()
        assert mesh.always_had("web", W1, W2)
        # changes that come together are one: at most one generation for each time that changes are gathered
        assert mesh.generations <= (mesh.now() - begun) / PACE.gather + 20

    @needs("malformed")
    async def test_what_cannot_be_understood_is_told_in_one_line(self, mesh):
        await mesh.subject.malformed()
        (told,) = await mesh.told()
        assert "\n" not in told.message
        await mesh.put("web", "w3", "10.77.0.3")
        await mesh.settled()
        assert mesh.follower.standing().state == "synced"
        assert mesh.always_had("web", W1, W2)
        assert mesh.always_had("api", A1)

    @needs("duplicates")
    async def test_two_instances_of_one_address_are_one_until_both_are_gone(self, mesh):
        await mesh.put("web", "w1-again", "10.77.0.1")
        await mesh.put("web", "w3", "10.77.0.3")
        await mesh.settled()
        await mesh.drop("web", "w1")
        await mesh.put("web", "w4", "10.77.0.4")
        await mesh.settled()
        assert mesh.always_had("web", W2)
        assert mesh.always_had("web", W1, well=False)  # one that leaves may be called ill first, and any word counts
        await mesh.drop("web", "w1-again")
        await mesh.settled()

    async def test_an_address_is_used_by_another_service(self, mesh):
        await mesh.drop("web", "w1")
        await mesh.put("api", "a2", "10.77.0.1", 8080)
        await mesh.settled()
        assert mesh.always_had("web", W2)
        assert mesh.always_had("api", A1)

    @needs("standing")
    async def test_how_it_is_shown(self, mesh):
        await mesh.in_state("synced")
        standing = mesh.follower.standing()
        assert standing.services >= 2
        assert standing.instances >= 3
        assert standing.heard >= standing.synced > 0
        assert not standing.error
        assert not standing.reports
        await mesh.link.cut()
        await mesh.in_state("stale")
        (told,) = await mesh.told()
        assert told.code == "platform-stale"
        away = mesh.follower.standing()
        assert away.error
        assert "\n" not in away.error
        assert (away.services, away.instances) == (standing.services, standing.instances)
        await mesh.link.restore()
        await mesh.in_state("synced")
        assert mesh.follower.standing().heard > standing.heard
        assert mesh.seen == [mesh.picture()]


def _order(number: int) -> Put:
    """Return the change of this number: 400 instances of ten services that become another version again and again."""
    service, instance = number % 10, number // 10 % 40
    address = f"10.78.{service}.{instance + 1}"
    return Put(f"flood-{service}", f"f{service}-{instance}", Instance(address, 8080, f"v{number // 400 + 1}"))
