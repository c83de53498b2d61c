"""Whatever Mesos and Marathon write, what comes out can be called, or is told; nothing else happens."""

import copy
import ipaddress
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.platforms.mesos.shop import Shop

from pidalio.platforms.mesos import MesosSettings, apps, dns, mapping, pods, words
from pidalio.platforms.mesos.book import Book
from pidalio.platforms.mesos.cluster import Decoded, Unknown
from pidalio.platforms.mesos.instances import SERVICE

SETTINGS = MesosSettings(master="http://m", marathon="http://m")
NONSENSE = st.sampled_from(
    [
        None,
        True,
        -1,
        0,
        70_000,
        1 << 70,
        1.5,
        "",
        "x",
        "{name}",
        "a.{b}",
        "%",
        "10.0.0.300",
        [],
        ["x"],
        {},
        {"value": 1},
    ]
)


def shop() -> Shop:
    made = Shop()
    made.put("web", "a", "10.0.0.1", 31001)
    made.put("web", "b", "10.0.0.2", 31002, version="v2")
    made.marathon.apps["/web"]["labels"][SERVICE] = "web.shop"
    return made


def places(tree, path=()):
    """Yield the way to everything in a tree."""
    yield path
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


def spoilt(draw, tree):
    """Return the tree with some of it replaced by nonsense."""
    made = copy.deepcopy(tree)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([path for path in places(made) if path]))
        *way, last = path
        here = made
        for key in way:
            here = here[key]
        here[last] = copy.deepcopy(draw(NONSENSE))
    return json.dumps(made).encode()


def check(offer) -> None:
    """Check that everything that is offered can be called."""
    if offer is None:
        return
    assert offer.hostname
    assert all(0 < port.number < 65536 for port in offer.ports)
    for one in offer.endpoints:
        ipaddress.ip_address(one.address)
        assert 0 < one.port < 65536
        assert one.service_port in {port.number for port in offer.ports}


STATE = shop().master.state()


@given(st.data())
def test_states_of_the_master(data):
    book = Book(SETTINGS)
    try:
        state = msgspec.json.decode(spoilt(data.draw, STATE), type=words.State)
    except msgspec.ValidationError:
        return  # as a whole: told as an answer that is no state
    decoded = Decoded()
    list(decoded.steps(state))
    book.cluster.take_state(decoded)
    book.learn_addresses(decoded.agents)
    for key in book.changes():
        book.place(key)
    for group in book.dirty:
        check(book.offer(group))


@given(st.data())
def test_events_of_the_master(data):
    made = shop()
    book = Book(SETTINGS)
    decoded = Decoded()
    list(decoded.steps(msgspec.json.decode(json.dumps(made.master.state()), type=words.State)))
    made.master.withhold()
    made.put("web", "c", "10.0.0.3", 31003)
    made.state("web", "a", "TASK_RUNNING", healthy=False)
    made.drop("web", "b")
    made.master.agent_removed("S-10.0.0.1")
    for record in made.master._withheld:
        try:
            event = msgspec.json.decode(spoilt(data.draw, json.loads(record.partition(b"\n")[2])), type=words.Event)
            book.cluster.take(event)
        except (msgspec.MsgspecError, Unknown):
            continue
    for key in book.changes():
        book.place(key)
    for group in book.dirty:
        check(book.offer(group))


APP = shop().marathon.whole("/web")


@given(st.data())
def test_apps_of_marathon(data):
    try:
        app = msgspec.json.decode(spoilt(data.draw, APP), type=apps.App)
        spec = apps.spec_of(app, "marathon")
        tasks = [msgspec.json.decode(raw, type=apps.AppTask) for raw in app.tasks or ()]
    except msgspec.ValidationError:
        return
    check(mapping.offer(SETTINGS, spec, [one for task in tasks if (one := apps.instance_of(app, task, spec))], {}))


POD = {
    "id": "/pod",
    "spec": {
        "id": "/pod",
        "labels": {"version": "v1"},
        "networks": [{"mode": "container"}],
        "containers": [{"name": "main", "endpoints": [{"name": "http", "containerPort": 80, "protocol": ["tcp"]}]}],
    },
    "instances": [
        {
            "id": "pod.instance-1",
            "agentHostname": "10.0.0.1",
            "networks": [{"addresses": ["9.0.0.1"]}],
            "containers": [
                {"name": "main", "status": "TASK_RUNNING", "endpoints": [{"name": "http", "healthy": True}]}
            ],
        }
    ],
}


@given(st.data())
def test_pods_of_marathon(data):
    try:
        pod = msgspec.json.decode(spoilt(data.draw, POD), type=pods.Pod)
        instances = [msgspec.json.decode(raw, type=pods.PodInstance) for raw in pod.instances or ()]
    except msgspec.ValidationError:
        return
    specs = pods.specs_of(pod, "marathon")
    check(mapping.offer(SETTINGS, specs[""], [one for each in instances for one in pods.instances_of(each, specs)], {}))


RECORDS = [
    {"name": "_web._tcp.marathon.mesos.", "host": "web.marathon.mesos.:31001", "rtype": "SRV"},
    {"name": "web.marathon.mesos.", "host": "10.0.0.1", "rtype": "A"},
]


@given(st.data())
def test_tasks_of_mesos_dns(data):
    tree = spoilt(data.draw, {"name": "web", "id": "web.1", "records": RECORDS})
    try:
        one = dns.instance_of(msgspec.json.decode(tree, type=dns.DnsTask), "marathon", {})
    except msgspec.ValidationError:
        return
    if one is not None:
        check(mapping.offer(SETTINGS, one.spec, [one], {}))


@pytest.mark.parametrize("label", ["a.{b}", "{name}.x", "..", "a..b", "-.x"])
def test_a_label_is_never_taken_for_a_form(label):
    app = msgspec.json.decode(json.dumps({**APP, "labels": {SERVICE: label}}), type=apps.App)
    check(mapping.offer(SETTINGS, apps.spec_of(app, "marathon"), (), {}))
