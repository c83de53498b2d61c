"""Whatever happens in whatever order, and whatever is lost on the way, in the end the mesh has what runs."""

import asyncio
import random

import pytest
from tests.platforms.mesos.joined import Joined
from tests.platforms.mesos.shop import Shop

SERVICES = ("web", "api", "shop")


class History:
    """Random deeds of users, of Mesos, and of everything that breaks."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self.shop, self.random = shop, random.Random(seed)
        self.wanted: dict[str, dict[str, str]] = {name: {} for name in SERVICES}

    async def go_on(self) -> None:
        deed = self.random.choices(
            (
                self.put,
                self.drop,
                self.sicken,
                self.kill,
                self.withhold,
                self.let_go,
                self.cut,
                self.deafen,
                self.restart,
            ),
            (10, 5, 3, 2, 2, 3, 1, 1, 1),
        )[0]
        result = deed()
        if result is not None:
            await result

    async def settle(self) -> None:
        self.shop.master.let_go()
        self.shop.marathon.is_dropping = False

    def put(self) -> None:
        service, name = self.random.choice(SERVICES), f"t{self.random.randrange(6)}"
        address, port = f"10.0.{SERVICES.index(service)}.{name[1:]}", 31000 + self.random.randrange(3)
        version = self.random.choice(("v1", "v2"))
        self.shop.put(service, name, address, port, version)
        self.wanted[service][name] = f"{address}:{port} HEALTHY {version}"

    def _one(self) -> tuple[str, str] | None:
        return self.random.choice(sorted(self.shop.running)) if self.shop.running else None

    def drop(self) -> None:
        if one := self._one():
            self.shop.drop(*one)
            del self.wanted[one[0]][one[1]]

    def sicken(self) -> None:
        if one := self._one():
            is_well = self.random.random() < 0.5
            self.shop.health(*one, is_well=is_well)
            self._is(one, "HEALTHY" if is_well else "UNHEALTHY")

    def kill(self) -> None:
        if one := self._one():
            self.shop.state(*one, "TASK_FAILED")
            del self.shop.running[one]
            del self.wanted[one[0]][one[1]]

    def withhold(self) -> None:
        if self.shop.master._withheld is None:
            self.shop.master.withhold()

    def let_go(self) -> None:
        how = self.random.choice(({}, {"backwards": True}, {"dropping": True}))
        self.shop.master.let_go(**how)

    def cut(self) -> None:
        (self.shop.master if self.random.random() < 0.5 else self.shop.marathon).break_off()

    def deafen(self) -> None:
        self.shop.marathon.is_dropping = not self.shop.marathon.is_dropping

    def restart(self):
        return self.shop.restart(keeps=True)

    def _is(self, one: tuple[str, str], health: str) -> None:
        address, _, version = self.wanted[one[0]][one[1]].split()
        self.wanted[one[0]][one[1]] = f"{address} {health} {version}"

    def expected(self) -> dict[str, dict[str, str]]:
        return {
            f"{service}.marathon.mesos": {
                text.partition(" ")[0]: text.partition(" ")[2] for text in self.wanted[service].values()
            }
            for service in SERVICES
        }


@pytest.mark.parametrize("seed", range(6))
async def test_the_mesh_ends_with_what_runs(tmp_path, seed):
    shop = Shop()
    await shop.serving.start()
    url = shop.serving.url
    async with Joined(tmp_path, master=url, marathon=url, reread=1) as joined:
        history = History(shop, seed)
        for number in range(80):
            await history.go_on()
            if number % 4 == 0:
                await asyncio.sleep(0.01)  # what happened is told, or half of it
        await history.settle()
        wanted = history.expected()
        await joined.until(lambda: {host: joined.has(host) for host in wanted}, wanted)
    await shop.serving.stop()
