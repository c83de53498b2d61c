"""What messages about routes mean, and which mean nothing."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.platforms.cloudfoundry.cells import message

from pidalio.platforms.cloudfoundry.messages import BIGGEST, BadMessage, Times, read, read_times, uri_of

RECORDED = {
    "host": "10.0.16.9",
    "port": 61000,
    "tls_port": 61002,
    "uris": ["App.example.com", "*.wild.example.com/Path/"],
    "protocol": "http1",
    "app": "APP-GUID",
    "private_instance_id": "INSTANCE-GUID",
    "private_instance_index": "0",
    "server_cert_domain_san": "INSTANCE-GUID",
    "isolation_segment": "",
    "availability_zone": "z1",
    "endpoint_updated_at_ns": 1700000000000000000,
    "stale_threshold_in_seconds": 120,
    "route_service_url": "",
    "tags": {"component": "route-emitter", "app_name": "a", "process_type": "web"},
    "options": {"loadbalancing": "least-connection"},
}
INTERNAL = {
    "host": "10.255.93.167",
    "port": 0,
    "uris": ["app.apps.internal", "0.app.apps.internal"],
    "app": "APP-GUID",
    "private_instance_index": "0",
    "tags": {"component": "route-emitter"},
    "availability_zone": "z1",
    "endpoint_updated_at_ns": 0,
}


def said(**changes):
    return json.dumps({**RECORDED, **changes}).encode()


def refused(data: bytes) -> BadMessage:
    with pytest.raises(BadMessage) as caught:
        read(data)
    return caught.value


def test_a_registration_as_route_emitters_send_it():
    found = read(said())
    assert found.uris == (("app.example.com", ""), ("*.wild.example.com", "/path"))
    assert (found.updated, found.threshold, found.refused) == (1700000000000000000, 120, "")
    one = found.instance
    assert (one.address, one.port, one.tls_name) == ("10.0.16.9", 61002, "instance-guid")  # TLS wins
    assert (one.app, one.guid, one.index, one.zone) == ("APP-GUID", "INSTANCE-GUID", "0", "z1")
    assert dict(one.tags)["app_name"] == "a"
    assert (one.balancing, one.is_http2, one.internal) == ("least-connection", False, False)


def test_without_tls_the_plain_port_counts_and_no_name():
    one = read(said(tls_port=0)).instance
    assert (one.port, one.tls_name) == (61000, "")


def test_an_internal_route_listens_where_the_settings_say():
    found = read(json.dumps(INTERNAL).encode(), internal_port=8080)
    assert found.uris == (("app.apps.internal", ""), ("0.app.apps.internal", ""))
    assert (found.instance.address, found.instance.port, found.instance.internal) == ("10.255.93.167", 8080, True)


def test_null_is_what_a_missing_field_is():
    whole = dict.fromkeys(RECORDED) | {"host": "10.0.0.1", "port": 1, "uris": ["a.b"]}
    assert read(json.dumps(whole).encode()) == read(b'{"host":"10.0.0.1","port":1,"uris":["a.b"]}')


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"port": "61000"}, "Expected `int | null`, got `str` - at `$.port`"),
        ({"tls_port": 65536}, "Expected `int` <= 65535 - at `$.tls_port`"),
        ({"port": -1}, "Expected `int` >= 0 - at `$.port`"),
        ({"private_instance_index": 0}, "Expected `str | null`, got `int` - at `$.private_instance_index`"),
        (
            {"route_service_url": "http://limits.example.com"},
            "route_service_url 'http://limits.example.com' is not https",
        ),
        ({"uris": []}, "it has no uris"),
        ({"uris": ["a b"]}, "uri 'a b' is no route: a host, with a wildcard in front at most, and a path"),
        ({"uris": None}, "it has no uris"),
        ({"tls_port": 0, "port": 0}, "it has neither a port nor a tls_port"),
        ({"host": "cell.internal"}, "host 'cell.internal' is no IP address"),
        (
            {"server_cert_domain_san": ""},
            "it has a tls_port and no server_cert_domain_san, so that nobody can verify the instance",
        ),
    ],
    ids=lambda each: str(each)[:40],
)
def test_what_the_platforms_router_drops_is_dropped_with_one_line(changes, why):
    error = refused(said(**changes))
    assert str(error) == why
    assert error.who.startswith("app APP-GUID at ")


def test_what_is_no_json_and_what_is_too_large():
    assert "truncated" in str(refused(b"{"))
    assert str(refused(said(app="x" * BIGGEST))).endswith(f"bytes is not read: {BIGGEST} is the most")
    assert "Expected `object`" in str(refused(b"[]"))


def test_one_uri_that_is_none_leaves_the_others():
    found = read(said(uris=["ok.example.com", "under_score.example.com"]))
    assert found.uris == (("ok.example.com", ""),)
    assert found.refused.startswith("uri 'under_score.example.com' is no route")


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("Example.COM", ("example.com", "")),
        ("example.com/", ("example.com", "")),
        ("example.com/A/b/?q=/c", ("example.com", "/a/b")),
        ("*.example.com/x", ("*.example.com", "/x")),
        ("*example.com", None),
        ("a.*.example.com", None),
        ("*", None),
        ("", None),
        ("/x", None),
        ("example.com:80", None),
    ],
)
def test_uris(text, uri):
    assert uri_of(text) == uri


@pytest.mark.parametrize(
    ("body", "times"),
    [
        ('{"id":"0-UUID","hosts":[],"minimumRegisterIntervalInSeconds":20,"pruneThresholdInSeconds":120}', (20, 120)),
        ('{"minimumRegisterIntervalInSeconds":0,"pruneThresholdInSeconds":120}', None),
        ('{"minimumRegisterIntervalInSeconds":true,"pruneThresholdInSeconds":120}', None),
        ('{"minimumRegisterIntervalInSeconds":"5","pruneThresholdInSeconds":120}', None),
        ("[]", None),
        ("{", None),
    ],
)
def test_what_routers_say_of_time(body, times):
    assert read_times(body.encode()) == (Times(*times) if times else None)


@given(st.one_of(st.binary(), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)))
def test_whatever_comes_is_a_message_or_a_line(data):
    raw = data if isinstance(data, bytes) else data.encode(errors="surrogatepass")
    with contextlib.suppress(BadMessage):
        assert read(raw).uris


def test_the_tests_own_messages_are_messages():
    assert read(json.dumps(message("a.b", "10.0.0.1", 1)).encode()).uris == (("a.b", ""),)
