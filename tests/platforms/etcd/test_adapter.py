"""The adapter's own part: what pairs and events mean to the mesh, without a server."""

import pytest

from pidalio.model import Report
from pidalio.platforms.etcd.adapter import EtcdAdapter
from pidalio.platforms.etcd.messages import Event, Found, Pair
from pidalio.platforms.etcd.settings import EtcdSettings
from pidalio.store import tables


class Feed:
    """What was said, as rows that are live and reports by topic."""

    name = "etcd"

    def __init__(self) -> None:
        self.endpoints: dict[str, list[str]] = {}
        self.told: dict[str, tuple[Report, ...]] = {}
        self.changes = 0

    async def complete(self, rows, again, within=None) -> None:
        self.endpoints = {}
        self._take(rows)

    def change(self, rows) -> None:
        self.changes += sum(len(by_key) for by_key in rows.values())
        self._take(rows)

    def _take(self, rows) -> None:
        for (host, *_), found in rows[tables.ENDPOINTS].items():
            if found is None:
                self.endpoints.pop(host)
            else:
                self.endpoints[host] = [f"{one.address}:{one.port}" for one in found]

    def heard(self) -> None:
        pass

    def tell(self, topic, *reports) -> None:
        self.told[topic] = reports


def pair(key: str, value: str) -> Pair:
    return Pair(f"/services/{key}".encode(), value.encode(), 1)


def put(key: str, value: str) -> Event:
    return Event(pair(key, value))


def gone(key: str) -> Event:
    return Event(pair(key, ""), "DELETE")


@pytest.fixture
async def adapter():
    made, feed = EtcdAdapter(EtcdSettings()), Feed()
    pairs = {one.key.decode(): one for one in (pair("web/a", "10.0.0.1:80"), pair("web/b", "10.0.0.2:80"))}
    await made._complete(feed, None, Found(1, "", pairs))
    return made, feed


async def test_changes_are_of_what_changed_alone(adapter):
    made, feed = adapter
    made._change(feed, [put("api/a", "10.0.1.1:90")])
    assert feed.changes == 2  # a service, and its endpoints
    made._change(feed, [put("web/a", "10.0.0.1:80")])
    assert feed.changes == 2
    made._change(feed, [gone("web/a"), put("web/c", "10.0.0.3:80")])
    assert feed.endpoints == {"web.etcd": ["10.0.0.2:80", "10.0.0.3:80"], "api.etcd": ["10.0.1.1:90"]}
    made._change(feed, [gone("api/a"), gone("api/nothing")])
    assert list(feed.endpoints) == ["web.etcd"]


async def test_a_value_that_is_not_understood_stays_as_it_was(adapter):
    made, feed = adapter
    made._change(feed, [put("web/a", '{"address": "10.0.0.1", "port": "http"}'), put("web/new", "nonsense")])
    assert feed.endpoints == {"web.etcd": ["10.0.0.1:80", "10.0.0.2:80"]}
    assert [one.code for one in feed.told["values"]] == ["etcd-bad-value"] * 2
    assert feed.told["values"][0].message == "etcd: /services/web/a: Expected `int`, got `str` - at `$.port`"
    pairs = {one.key.decode(): one for one in (pair("web/a", "{"), pair("web/b", "10.0.0.9:80"))}
    await made._complete(feed, None, Found(2, "", pairs))
    assert feed.endpoints == {"web.etcd": ["10.0.0.1:80", "10.0.0.9:80"]}
    made._change(feed, [put("web/a", "10.0.0.8:80")])
    assert (feed.endpoints, feed.told["values"]) == ({"web.etcd": ["10.0.0.8:80", "10.0.0.9:80"]}, ())


async def test_keys_of_another_form_are_told_of(adapter):
    made, feed = adapter
    made._change(feed, [put("web", "x"), put("a/b/c", "x"), put("--/a", "10.0.0.1:1")])
    assert [one.message for one in feed.told["values"]] == [
        "etcd: /services/--/a: no hostname can be made of '--'",
        "etcd: /services/a/b/c: the key is not /services/NAME/ID",
        "etcd: /services/web: the key is not /services/NAME/ID",
    ]
    made._change(feed, [gone("web"), gone("a/b/c"), gone("--/a")])
    assert feed.told["values"] == ()


async def test_many_mistakes_are_a_few_lines(adapter):
    made, feed = adapter
    made._change(feed, [put(f"web/{number}", "x") for number in range(100)])
    assert len(feed.told["values"]) == 21
    assert feed.told["values"][-1].message == "etcd: 80 more keys are not understood"
