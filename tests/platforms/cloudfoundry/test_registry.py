"""Who is registered where: owners, order, and time."""

import json

from tests.platforms.cloudfoundry.cells import message

from pidalio.platforms.cloudfoundry.messages import read
from pidalio.platforms.cloudfoundry.registry import Registry

AT = ("10.0.0.1", 61000)


def said(*uris: str, guid: str = "one", app: str = "shop", **fields):
    body = message("", *AT, guid=guid, app=app, **fields)
    return read(json.dumps({**body, "uris": list(uris)}).encode())


def tls(*uris: str, guid: str = "one", **fields):
    return said(*uris, guid=guid, tls_port=61000, server_cert_domain_san=guid, **fields)


def served(registry: Registry) -> dict[str, list[str]]:
    """Return the uris of each instance, by its guid."""
    return {one.instance.guid: sorted(host + path for host, path in one.uris) for one in registry.entries.values()}


def test_a_registration_that_is_repeated_changes_nothing():
    registry = Registry()
    assert registry.register(said("a.x", "b.x/p"), 0) == {"a.x", "b.x"}
    assert registry.register(said("a.x", "b.x/p"), 20) == set()
    assert registry.register(said("a.x", tags={"app_name": "new"}), 21) == {"a.x", "b.x"}


def test_a_registration_with_fewer_uris_takes_none_back_but_an_unregistration_does():
    registry = Registry()
    registry.register(said("a.x", "b.x"), 0)
    registry.register(said("a.x"), 1)
    assert served(registry) == {"one": ["a.x", "b.x"]}
    assert registry.unregister(said("a.x")) == {"a.x"}
    assert registry.unregister(said("a.x", "c.x")) == set()
    assert served(registry) == {"one": ["b.x"]}
    assert registry.unregister(said("b.x")) == {"b.x"}
    assert served(registry) == {}
    assert registry.hosts() == []


def test_an_address_belongs_to_who_was_registered_last():
    registry = Registry()
    registry.register(said("old.x", "both.x", guid="old", app="first"), 0)
    assert registry.register(said("new.x", "both.x", guid="new", app="second"), 1) == {"old.x", "both.x", "new.x"}
    assert served(registry) == {"new": ["both.x", "new.x"]}
    assert registry.of_host("old.x") == []
    # what comes late from the one who was there takes nothing away
    assert registry.unregister(said("both.x", guid="old", app="first")) == set()
    assert served(registry) == {"new": ["both.x", "new.x"]}


def test_stamps_order_the_messages_of_one_instance_only():
    registry = Registry()
    registry.register(said("a.x", endpoint_updated_at_ns=200), 0)
    assert registry.register(said("a.x", "late.x", endpoint_updated_at_ns=100), 1) == set()
    assert registry.unregister(said("a.x", endpoint_updated_at_ns=100)) == set()
    assert served(registry) == {"one": ["a.x"]}
    # another instance at the address has a clock of its own
    assert registry.register(said("a.x", guid="two", endpoint_updated_at_ns=50), 2) == {"a.x"}
    assert served(registry) == {"two": ["a.x"]}
    assert registry.unregister(said("a.x", guid="two")) == {"a.x"}


def test_what_has_no_tls_is_forgotten_uri_by_uri_when_nobody_repeats_it():
    registry = Registry()
    registry.register(said("a.x", "b.x"), 0)
    registry.register(said("a.x"), 100)
    assert registry.expire([AT], 120, 120, 9) == set()
    assert registry.expire([AT], 121, 120, 9) == {"b.x"}
    assert registry.expire([AT], 221, 120, 9) == {"a.x"}
    assert registry.expire([AT], 222, 120, 9) == set()


def test_internal_routes_have_a_time_of_their_own():
    registry = Registry()
    body = message("a.apps.internal", *AT, guid="one", app="shop")
    registry.register(read(json.dumps(body).encode(), internal_port=8080), 0)
    assert registry.expire([AT], 500, 120, 600) == set()
    assert registry.expire([AT], 601, 120, 600) == {"a.apps.internal"}


def test_a_message_may_only_lower_the_threshold():
    registry = Registry()
    registry.register(said("short.x", stale_threshold_in_seconds=10), 0)
    registry.register(said("long.x", stale_threshold_in_seconds=1000), 0)
    assert registry.expire([AT], 11, 120, 9) == {"short.x"}
    assert registry.expire([AT], 121, 120, 9) == {"long.x"}


def test_what_has_tls_is_never_forgotten_by_age_but_is_conspicuous():
    registry = Registry()
    registry.register(tls("a.x"), 0)
    assert registry.expire([AT], 1e6, 120, 9) == set()
    assert [one.instance.guid for one in registry.silent(120, 120)] == ["one"]
    assert list(registry.silent(119, 120)) == []
    assert registry.unregister(tls("a.x")) == {"a.x"}


def test_while_nothing_can_be_heard_nothing_ages():
    registry = Registry()
    registry.register(said("a.x"), 0)
    registry.refresh(1000)
    assert registry.expire([AT], 1120, 120, 9) == set()
    assert registry.expire([AT], 1121, 120, 9) == {"a.x"}
