"""A real etcd: leases, compaction, a cluster that was restored, logins, members that are away."""

import asyncio
import contextlib
import shutil
from typing import Self

import httpx
import pytest
from tests.platforms.etcd.keys import put_of, text
from tests.platforms.servers.etcd import Etcd

from pidalio.errors import PlatformUnavailable
from pidalio.platforms.etcd import EtcdSettings
from pidalio.platforms.etcd.gateway import Gateway
from pidalio.platforms.etcd.keyspace import Keyspace

pytestmark = pytest.mark.platform("etcd")
PREFIX = "/services/"


@pytest.fixture
async def server(tmp_path):
    async with Etcd(tmp_path) as running:
        yield running


async def call(server, path: str, **body) -> dict:
    async with httpx.AsyncClient(timeout=60) as http:
        answer = await http.post(f"{server.url}/v3/{path}", json=body)
    answer.raise_for_status()
    return answer.json()


class Followed:
    """What is told of a prefix: `keys` by name, and how it was told."""

    def __init__(self, keyspace: Keyspace, settings: EtcdSettings) -> None:
        self.keyspace, self.settings = keyspace, settings
        self.keys: dict[str, bytes] = {}
        self.said: list[str] = []
        self.told = asyncio.Event()

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def run(self) -> None:
        while True:
            with contextlib.suppress(PlatformUnavailable):
                async with Gateway(self.settings) as etcd:
                    await self.keyspace.follow(etcd, self.whole, self.changes, lambda: None)
            await asyncio.sleep(0.05)

    async def whole(self, found) -> None:
        self.said.append("whole")
        self.keys = {key: pair.value for key, pair in found.pairs.items()}
        self.told.set()

    def changes(self, events) -> None:
        self.said.append("changes")
        for event in events:
            key = event.kv.key.decode()
            if event.is_deletion:
                self.keys.pop(key, None)
            else:
                self.keys[key] = event.kv.value
        self.told.set()

    async def until(self, **keys: str) -> None:
        wanted = {f"{PREFIX}{key}": value.encode() for key, value in keys.items()}
        async with asyncio.timeout(60):
            while self.keys != wanted:
                self.told.clear()
                await self.told.wait()


async def test_more_keys_than_fit_on_a_page_are_read_as_of_one_revision(server):
    for begin in range(0, 2500, 100):
        puts = [{"request_put": put_of(f"{PREFIX}k{number}", "v")} for number in range(begin, begin + 100)]
        await call(server, "kv/txn", success=puts)
    async with Gateway(EtcdSettings(address=server.url)) as etcd:
        found = await etcd.range(PREFIX)
    assert len(found.pairs) == 2500
    assert max(pair.mod_revision for pair in found.pairs.values()) == found.revision


async def test_a_lease_that_ends_is_a_deletion(server):
    async with Followed(Keyspace(PREFIX), EtcdSettings(address=server.url)) as followed:
        lease = (await call(server, "lease/grant", TTL="1"))["ID"]
        await call(server, "kv/put", **put_of(f"{PREFIX}a", "1"), lease=lease)
        await followed.until(a="1")
        await followed.until()
        assert followed.said == ["whole", "changes", "changes"]


async def test_it_goes_on_where_it_was(server):
    followed = Followed(Keyspace(PREFIX), EtcdSettings(address=server.url))
    async with followed:
        await call(server, "kv/put", **put_of(f"{PREFIX}a", "1"))
        await followed.until(a="1")
    await call(server, "kv/put", **put_of(f"{PREFIX}b", "2"))
    await call(server, "kv/deleterange", key=text(f"{PREFIX}a"))
    before = len(followed.said)
    async with followed:
        await followed.until(b="2")
    assert "whole" not in followed.said[before:]


async def test_what_was_compacted_is_read_anew(server):
    followed = Followed(Keyspace(PREFIX), EtcdSettings(address=server.url))
    async with followed:
        await call(server, "kv/put", **put_of(f"{PREFIX}a", "1"))
        await followed.until(a="1")
    for number in range(3):
        await call(server, "kv/put", **put_of(f"{PREFIX}b", str(number)))
    header = (await call(server, "kv/deleterange", key=text(f"{PREFIX}a")))["header"]
    await call(server, "kv/put", **put_of("/elsewhere", ""))
    await call(server, "kv/compaction", revision=str(int(header["revision"]) + 1), physical=True)
    before = len(followed.said)
    async with followed:
        await followed.until(b="2")
    assert "whole" in followed.said[before:]


async def test_a_cluster_that_knows_less_than_before_is_read_anew(server):
    """As after a restore from a backup: its revisions begin anew, and a watch from the old one would wait for ever."""
    keyspace = Keyspace(PREFIX, look=0.2)
    async with Followed(keyspace, EtcdSettings(address=server.url)) as followed:
        for number in range(20):
            await call(server, "kv/put", **put_of(f"{PREFIX}a", str(number)))
        await followed.until(a="19")
        await server.kill()
        shutil.rmtree(server.folder / "data")
        await server.start()
        await call(server, "kv/put", **put_of(f"{PREFIX}b", "new"))
        await followed.until(b="new")


async def test_a_watch_that_is_silent_while_there_is_news_is_given_up(server):
    keyspace = Keyspace(PREFIX, look=0.05)

    class Deaf(Gateway):
        async def watch(self, prefix, revision):
            await asyncio.Event().wait()
            yield

    await call(server, "kv/put", **put_of(f"{PREFIX}a", "1"))
    followed = Followed(keyspace, EtcdSettings(address=server.url))
    async with Deaf(EtcdSettings(address=server.url)) as etcd:
        following = asyncio.create_task(keyspace.follow(etcd, followed.whole, followed.changes))
        await followed.until(a="1")
        await call(server, "kv/deleterange", key=text(f"{PREFIX}a"))
        with pytest.raises(PlatformUnavailable, match="the watch says nothing, and there is news"):
            await asyncio.wait_for(following, 20)


async def test_a_member_that_is_away_is_left_for_the_next(server):
    async with Gateway(EtcdSettings(address=f"http://127.0.0.1:1,{server.url}")) as etcd:
        assert (await etcd.range(PREFIX)).revision > 0


async def test_all_members_away_is_one_line():
    async with Gateway(EtcdSettings(address="http://127.0.0.1:1,http://127.0.0.1:2")) as etcd:
        with pytest.raises(PlatformUnavailable) as error:
            await etcd.range(PREFIX)
    assert str(error.value).startswith("127.0.0.1:1: ")
    assert "\n" not in str(error.value)


async def login(server) -> None:
    await call(server, "auth/user/add", name="root", password="secret")
    await call(server, "auth/user/grant", user="root", role="root")
    await call(server, "auth/user/add", name="mesh", password="mast")
    await call(server, "auth/role/add", name="reader")
    perm = {"permType": "READ", "key": text(PREFIX), "range_end": text("/services0")}
    await call(server, "auth/role/grant", name="reader", perm=perm)
    await call(server, "auth/user/grant", user="mesh", role="reader")
    await call(server, "auth/enable")


async def test_a_user_gets_a_token_and_a_new_one_when_it_is_refused(server, tmp_path):
    await login(server)
    (tmp_path / "password").write_text("mast\n")
    settings = EtcdSettings(address=server.url, user="mesh", password_file=str(tmp_path / "password"))
    async with Gateway(settings) as etcd:
        await etcd.range(PREFIX)
        etcd._token = "expired"
        await etcd.range(PREFIX)
        await server.restart()  # which knows none of its tokens any more
        await etcd.range(PREFIX)


@pytest.mark.parametrize(
    ("user", "password", "prefix", "why"),
    [
        ("", "", PREFIX, "it asks for a user: say user and password"),
        ("mesh", "wrong", PREFIX, "is the password of mesh right?"),
        ("mesh", "mast", "/other/", "grant mesh what it needs below the prefix"),
    ],
)
async def test_who_may_not_is_told_what_to_do(server, user, password, prefix, why):
    await login(server)
    async with Gateway(EtcdSettings(address=server.url, user=user, password=password)) as etcd:
        with pytest.raises(PlatformUnavailable) as error:
            await etcd.range(prefix)
    assert why in str(error.value)
    assert error.value.is_lasting


async def test_writes_are_by_compare_and_swap(server):
    async with Gateway(EtcdSettings(address=server.url)) as etcd:
        first = await etcd.swap("/a", b"1", 0)
        assert first.succeeded
        second = await etcd.swap("/a", b"2", 0)
        assert (second.succeeded, second.there.value) == (False, b"1")
        assert not (await etcd.swap("/a", None, 0)).succeeded
        assert (await etcd.swap("/a", None, first.header.revision)).succeeded
        gone = await etcd.swap("/a", b"3", first.header.revision)
        assert (gone.succeeded, gone.there) == (False, None)


async def test_leases(server):
    async with Gateway(EtcdSettings(address=server.url)) as etcd:
        lease = await etcd.grant(30)
        await etcd.put("/services/held", b"", lease)
        assert await etcd.keep_alive(lease)
        await etcd.revoke(lease)
        assert not await etcd.keep_alive(lease)
        assert (await etcd.range(PREFIX)).pairs == {}
