"""What a tour of the tree says, on a tree of the tests: no session, no server, watches fire by hand."""

import asyncio
import json

from tests.platforms.zookeeper.tree import curator

from pidalio.platforms.installed import from_option
from pidalio.platforms.zookeeper import adapter
from pidalio.platforms.zookeeper.adapter import _Tour
from pidalio.store import tables

SETTINGS = from_option("zookeeper=127.0.0.1:2181/discovery").settings


class Tree:
    """Nodes by path, and who watches them once."""

    def __init__(self, **nodes: object) -> None:
        self.nodes = {f"/discovery/web/{name}": json.dumps(tree).encode() for name, tree in nodes.items()}
        self.watches: dict[str, list] = {}

    async def children(self, path, *, changed):
        self.watches.setdefault(path, []).append(changed)
        names = {node.removeprefix(f"{path}/").partition("/")[0] for node in self.nodes if node.startswith(f"{path}/")}
        return sorted(names)

    async def data(self, path, *, changed):
        self.watches.setdefault(path, []).append(changed)
        return self.nodes.get(path)

    def put(self, name: str, tree: object) -> None:
        path = f"/discovery/web/{name}"
        is_new = path not in self.nodes
        self.nodes[path] = json.dumps(tree).encode()
        for watch in self.watches.pop("/discovery/web" if is_new else path, ()):
            watch()


class Feed:
    name = "zk"

    def __init__(self) -> None:
        self.endpoints: tuple = ()
        self.told: list[str] = []
        self.changes = 0
        self.hearings = asyncio.Semaphore(0)

    async def complete(self, rows, again) -> None:
        (self.endpoints,) = rows[tables.ENDPOINTS].values()

    def change(self, rows) -> None:
        self.changes += 1
        for found in rows[tables.ENDPOINTS].values():
            self.endpoints = found

    def heard(self) -> None:
        self.hearings.release()

    def tell(self, topic, *reports) -> None:
        self.told = [f"{one.code}: {one.message}" for one in reports]


async def followed(tree: Tree, feed: Feed, known=None) -> asyncio.Task:
    task = asyncio.create_task(_Tour(SETTINGS, {} if known is None else known, feed, tree).follow())
    await settled()
    return task


async def settled() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_node_that_is_no_instance_is_told_and_stays_as_it_was():
    tree, feed = Tree(i1=curator("web", "10.0.0.1", 8080), i2=[]), Feed()
    task = await followed(tree, feed)
    assert [one.address for one in feed.endpoints] == ["10.0.0.1"]
    assert feed.told == ["zookeeper-bad-node: zk: /discovery/web/i2: it holds no JSON object"]
    tree.put("i1", {"address": "10.0.0.1", "port": "http"})
    tree.put("i2", curator("web", "10.0.0.2", 8080))
    await settled()
    assert [one.address for one in feed.endpoints] == ["10.0.0.1", "10.0.0.2"]
    assert feed.told == [
        "zookeeper-bad-node: zk: /discovery/web/i1: port is 'http', not a port: write a number from 1 to 65535"
    ]
    task.cancel()


async def test_a_change_of_one_node_reads_that_node_and_watches_it_once():
    tree, feed = Tree(i1=curator("web", "10.0.0.1", 8080), i2=curator("web", "10.0.0.2", 8080)), Feed()
    task = await followed(tree, feed)
    for version in ("v1", "v2", "v3"):
        tree.put("i1", curator("web", "10.0.0.1", 8080, version=version))
        await settled()
        assert dict(feed.endpoints[0].labels) == {"version": version}
    assert {path: len(watches) for path, watches in tree.watches.items()} == {
        "/discovery": 1,
        "/discovery/web": 1,
        "/discovery/web/i1": 1,
        "/discovery/web/i2": 1,
    }
    assert feed.changes == 3
    task.cancel()


async def test_a_tree_in_which_nothing_changes_is_heard(monkeypatch):
    """Else what is known would count as old once the connection is lost: as of its last change."""
    monkeypatch.setattr(adapter, "_QUIET", 0)
    tree, feed = Tree(i1=curator("web", "10.0.0.1", 8080)), Feed()
    task = await followed(tree, feed)
    async with asyncio.timeout(20):
        for _ in range(3):
            await feed.hearings.acquire()
    assert (feed.changes, [one.address for one in feed.endpoints]) == (0, ["10.0.0.1"])
    task.cancel()
