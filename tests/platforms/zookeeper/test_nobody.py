"""A ZooKeeper that nobody can reach is told long before it is given up."""

import asyncio

from pidalio.platforms.installed import from_option


class Feed:
    name = "zk"

    def __init__(self) -> None:
        self.lost_for: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def lost(self, why: str) -> None:
        if not self.lost_for.done():
            self.lost_for.set_result(why)


async def test_nobody_there_is_told_while_it_is_still_tried(unused_tcp_port):
    feed = Feed()
    trying = asyncio.create_task(from_option(f"zookeeper=127.0.0.1:{unused_tcp_port}/x").adapter().run(feed))
    try:
        await asyncio.wait((feed.lost_for, trying), return_when=asyncio.FIRST_COMPLETED)
        assert feed.lost_for.result() == f"127.0.0.1:{unused_tcp_port}: no ZooKeeper answers"
        assert not trying.done()
    finally:
        trying.cancel()
        await asyncio.gather(trying, return_exceptions=True)
