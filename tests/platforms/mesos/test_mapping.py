"""What Mesos and Marathon say of tasks, and the services that it makes."""

import json

import msgspec
import pytest
from tests.e2e.embedded import ROOT

from pidalio.api.load import load
from pidalio.errors import PlatformUnavailable, UsageError
from pidalio.model import Endpoint, Health, Locality, Port, Protocol
from pidalio.platforms.installed import from_option
from pidalio.platforms.mesos import MesosSettings, apps, dns, mapping, task_mapping, words
from pidalio.platforms.mesos.instances import Instance, Spec, reversed_path, vip
from pidalio.platforms.mesos.invalidation import EVERYTHING, named
from pidalio.platforms.mesos.leading import lowest, url_of
from pidalio.server.offline import OfflineMesh

SETTINGS = MesosSettings(marathon="http://marathon:8080")
TASK = {
    "id": "web.1",
    "host": "10.0.0.7",
    "ports": [31292, 31293],
    "state": "TASK_RUNNING",
    "startedAt": "2026-01-01T00:00:00Z",
    "ipAddresses": [{"ipAddress": "9.0.1.4", "protocol": "IPv4"}],
    "region": "r1",
    "zone": "z1",
}
TWO_PORTS = {
    "portDefinitions": [
        {"port": 10019, "name": "http"},
        {"port": 10020, "name": "admin", "labels": {"mesh.protocol": "grpc"}},
    ]
}
BOX = {"portMappings": [{"containerPort": 8080, "hostPort": 0, "servicePort": 10019, "name": "http"}]}


def service(app, *tasks, settings=SETTINGS):
    """Return what an app of Marathon with these tasks is offered as."""
    decoded = msgspec.json.decode(json.dumps({"id": "/shop/web", **app}), type=apps.App)
    spec = apps.spec_of(decoded, "marathon")
    found = [apps.instance_of(decoded, msgspec.convert(one, apps.AppTask), spec) for one in tasks]
    return mapping.offer(settings, spec, [one for one in found if one], {"agent-1": "10.0.0.9"})


def places(offer):
    return [(one.address, one.port, one.service_port) for one in offer.endpoints]


PLACES = {
    "host": (TWO_PORTS, TASK, [("10.0.0.7", 31292, 10019), ("10.0.0.7", 31293, 10020)]),
    "bridge": ({"networks": [{"mode": "container/bridge"}], "container": BOX}, TASK, [("10.0.0.7", 31292, 10019)]),
    "container": ({"networks": [{"mode": "container"}], "container": BOX}, TASK, [("9.0.1.4", 8080, 10019)]),
    "no-address-yet": ({"networks": [{"mode": "container"}], "container": BOX}, {**TASK, "ipAddresses": None}, []),
    "old-bridge": ({"container": {"docker": {"network": "BRIDGE", **BOX}}}, TASK, [("10.0.0.7", 31292, 10019)]),
    "agent-by-name": (TWO_PORTS, {**TASK, "host": "agent-1", "ports": [31292]}, [("10.0.0.9", 31292, 10019)]),
    "agent-of-no-address": (TWO_PORTS, {**TASK, "host": "agent-2"}, []),
    "fewer-ports": (TWO_PORTS, {**TASK, "ports": []}, []),
    "udp": ({"portDefinitions": [{"port": 53, "protocol": "udp"}, {"port": 80}]}, TASK, [("10.0.0.7", 31293, 80)]),
}


@pytest.mark.parametrize(("app", "task", "wanted"), PLACES.values(), ids=PLACES)
def test_where_a_task_is_called(app, task, wanted):
    assert places(service(app, task)) == wanted


def test_what_an_app_is_offered_as():
    offer = service({**TWO_PORTS, "labels": {"version": "v1", "long": "x" * 300}}, TASK)
    assert (offer.hostname, offer.name, offer.addresses) == ("web.shop.marathon.mesos", "marathon/web.shop", ())
    assert offer.ports == (Port(10019, "http", Protocol.HTTP), Port(10020, "admin", Protocol.GRPC))
    assert offer.endpoints[0] == Endpoint(
        "10.0.0.7",
        31292,
        10019,
        labels=(("version", "v1"),),
        locality=Locality("r1", "z1"),
        workload="web.1",
        node="10.0.0.7",
    )


PORTS = {
    "vip-name": ({"VIP_0": "/web:80"}, [80], ()),
    "vip-address": ({"VIP_0": "10.1.1.1:80"}, [80], ("10.1.1.1",)),
    "vip-6": ({"VIP_0": "[fd00::1]:80"}, [80], ("fd00::1",)),
    "vip-other-port": ({"VIP_0": "10.1.1.1:80", "mesh.port": "81"}, [81], ()),
    "vip-broken": ({"VIP_0": "nothing"}, [10019], ()),
    "stated-broken": ({"mesh.port": "many"}, [10019], ()),
}


@pytest.mark.parametrize(("labels", "numbers", "addresses"), PORTS.values(), ids=PORTS)
def test_the_number_of_a_port(labels, numbers, addresses):
    offer = service({"portDefinitions": [{"port": 10019, "name": "http", "labels": labels}]}, TASK)
    assert ([one.number for one in offer.ports], offer.addresses) == (numbers, addresses)


def test_a_vip_label_is_read_as_it_is_written():
    assert [vip(one) for one in ("/web:80", "10.1.1.1:80", "web", ":", "web:0", "web:65536", "web:²")] == [
        ("", 80), ("10.1.1.1", 80), ("", 0), ("", 0), ("", 0), ("", 0), ("", 0),
    ]  # fmt: skip


HOSTS = {
    "path": ({}, "", "web.shop.marathon.mesos"),
    "label": ({"mesh.service": "Store"}, "", "store.marathon.mesos"),
    "full": ({"mesh.service": "store.default.svc.cluster.local"}, "", "store.default.svc.cluster.local"),
    "form": ({}, "{name}.{framework}.svc.cluster.local", "web.shop.marathon.svc.cluster.local"),
    "label-in-form": ({"mesh.service": "store"}, "{name}.x", "store.x"),
}


@pytest.mark.parametrize(("labels", "form", "wanted"), HOSTS.values(), ids=HOSTS)
def test_what_a_service_is_called(labels, form, wanted):
    settings = MesosSettings(marathon="http://marathon:8080", hostname=form)
    assert service({**TWO_PORTS, "labels": labels}, TASK, settings=settings).hostname == wanted


def test_paths_are_read_from_their_end():
    assert [reversed_path(one) for one in ("/shop/web", "web", "/a/b/c/")] == ["web.shop", "web", "c.b.a"]


CHECKED = {"healthChecks": [{"protocol": "HTTP"}], **TWO_PORTS}
HEALTH = {
    "no-checks": (TWO_PORTS, {}, Health.HEALTHY),
    "not-checked-yet": (CHECKED, {}, Health.UNHEALTHY),
    "not-checked-null": (CHECKED, {"healthCheckResults": [None]}, Health.UNHEALTHY),
    "alive": (CHECKED, {"healthCheckResults": [{"alive": True}]}, Health.HEALTHY),
    "one-is-dead": (CHECKED, {"healthCheckResults": [{"alive": True}, {"alive": False}]}, Health.UNHEALTHY),
    "not-ready": (
        {**TWO_PORTS, "readinessCheckResults": [{"taskId": "web.1", "ready": False}]}, {}, Health.UNHEALTHY,
    ),
    "killing": (TWO_PORTS, {"state": "TASK_KILLING"}, Health.DRAINING),
    "unreachable": (TWO_PORTS, {"state": "TASK_UNREACHABLE"}, Health.UNHEALTHY),
    "staging": (TWO_PORTS, {"state": "TASK_STAGING"}, None),
    "old-marathon": (TWO_PORTS, {"state": ""}, Health.HEALTHY),
    "old-marathon-staging": (TWO_PORTS, {"state": "", "startedAt": None}, None),
    "failed": (TWO_PORTS, {"state": "TASK_FAILED"}, None),
}  # fmt: skip


@pytest.mark.parametrize(("app", "task", "wanted"), HEALTH.values(), ids=HEALTH)
def test_how_a_task_is(app, task, wanted):
    found = service(app, {**TASK, **task}).endpoints
    assert {one.health for one in found} == ({wanted} if wanted else set())


def test_identities():
    labelled = service({**TWO_PORTS, "labels": {"mesh.identity": "spiffe://x/web"}}, TASK)
    assert {one.identity for one in labelled.endpoints} == {"spiffe://x/web"}
    settings = MesosSettings(marathon="http://marathon:8080", trust_domain="td")
    made = service(TWO_PORTS, TASK, settings=settings)
    assert {one.identity for one in made.endpoints} == {"spiffe://td/framework/marathon/app/web.shop"}


def task_of(ports, given, **more):
    """Return a task of the master that announces `ports` and was `given` host ports."""
    announced = [{"name": name, "number": number} for name, number in ports]
    tree = {
        "name": "web", "task_id": {"value": "web.1"}, "framework_id": {"value": "F"}, "agent_id": {"value": "S"},
        "state": "TASK_RUNNING",
        "resources": [{"name": "ports", "ranges": {"range": [{"begin": one, "end": one} for one in given]}}],
        "discovery": {"name": "web", "version": "v7", "location": "r2/z2", "ports": {"ports": announced}},
        **more,
    }  # fmt: skip
    return msgspec.json.decode(json.dumps(tree), type=words.Task)


INFOS = [{"ip_addresses": [{"ip_address": "10.3.0.4"}]}]
STATUS = {"timestamp": 1.0, "container_status": {"network_infos": INFOS}}
ALONE = {
    "random-host-ports": (task_of([("http", 31001), ("x", 31002)], [31001, 31002]), {}, [(31001, 80), (31002, 81)]),
    "fixed-host-port": (task_of([("http", 9090)], []), {}, [(9090, 9090)]),
    "marathon-knows": (
        task_of([("http", 31001)], [31001]),
        {"marathon/web": Spec("marathon", "web", (mapping.SpecPort(10019, "http", Protocol.HTTP),))},
        [(31001, 10019)],
    ),
    "container": (
        task_of([("http", 8080)], [], statuses=[STATUS], container={"network_infos": [{"name": "net"}]}),
        {},
        [(8080, 8080)],
    ),
}


@pytest.mark.parametrize(("task", "specs", "wanted"), ALONE.values(), ids=ALONE)
def test_a_task_by_the_master_alone(task, specs, wanted):
    agent = words.Agent(words.AgentInfo("10.0.0.7", words.Value("S")))
    one = task_mapping.instance_of(task, "marathon", agent, specs)
    offer = mapping.offer(SETTINGS, one.spec, [one], {})
    assert [(each.port, each.service_port) for each in offer.endpoints] == wanted
    (first, *_) = offer.endpoints
    assert first.address == ("10.3.0.4" if task.container else "10.0.0.7")
    assert (first.labels, first.locality) == ((("version", "v7"),), Locality("r2", "z2"))


def test_the_fault_domain_of_an_agent_says_where_a_task_is():
    domain = words.Domain(words.FaultDomain(words.DomainName("r1"), words.DomainName("z1")))
    agent = words.Agent(words.AgentInfo("10.0.0.7", words.Value("S"), domain))
    one = task_mapping.instance_of(task_of([("http", 31001)], [31001]), "marathon", agent, {})
    assert one.locality == Locality("r1", "z1")


def test_a_task_of_mesos_dns():
    records = [
        {"name": "_nginx._tcp.marathon.mesos.", "host": "nginx-jhy6r-s1.marathon.mesos.:7564", "rtype": "SRV"},
        {"name": "_http._nginx._tcp.marathon.mesos.", "host": "nginx-jhy6r-s1.marathon.mesos.:7564", "rtype": "SRV"},
        {"name": "nginx.marathon.mesos.", "host": "10.10.0.93", "rtype": "A"},
    ]
    task = msgspec.convert({"name": "nginx", "id": "nginx.48dc", "records": records}, dns.DnsTask)
    one = dns.instance_of(task, "marathon", {})
    offer = mapping.offer(SETTINGS, one.spec, [one], {})
    assert (offer.hostname, places(offer)) == ("nginx.marathon.mesos", [("10.10.0.93", 7564, 80)])
    assert offer.ports == (Port(80, "http", Protocol.HTTP),)
    assert dns.instance_of(msgspec.structs.replace(task, records=task.records[:1]), "marathon", {}) is None


def test_names_of_ports_are_unique_and_versions_add_theirs():
    old = Spec("marathon", "web", (mapping.SpecPort(1, "http", Protocol.HTTP),))
    new = Spec("marathon", "web", (mapping.SpecPort(2, "http", Protocol.HTTP),))
    one = Instance("web.1", old, "10.0.0.7", (31001,))
    offer = mapping.offer(SETTINGS, new, [one], {})
    assert [(port.number, port.name) for port in offer.ports] == [(2, "http"), (1, "http-1")]
    assert places(offer) == [("10.0.0.7", 31001, 1)]


EVENTS = {
    "status": ("status_update_event", {"appId": "/web"}, {"/web"}),
    "health": ("instance_health_changed_event", {"runSpecId": "/web"}, {"/web"}),
    "deployment": (
        "deployment_success",
        {"plan": {"steps": [{"actions": [{"app": "/a"}, {"pod": "/b"}]}, {"actions": []}]}},
        {"/a", "/b"},
    ),
    "deployment-of-something": ("deployment_info", {"plan": {"steps": None}, "currentStep": 5}, {EVERYTHING}),
    "pod": ("pod_created_event", {"uri": "/v2/pods/x"}, {EVERYTHING}),
    "other": ("subscribe_event", {"appId": "/web"}, set()),
}


@pytest.mark.parametrize(("name", "data", "wanted"), EVENTS.values(), ids=EVENTS)
def test_what_an_event_of_marathon_makes_out_of_date(name, data, wanted):
    assert named(name, json.dumps({"eventType": name, **data}).encode()) == wanted


def test_the_lowest_node_leads():
    assert lowest(["log_replicas", "json.info_0000000012", "json.info_0000000009", "info_0000000001"]) == (
        "json.info_0000000009"
    )
    assert lowest(["json.info_x"]) == ""


INFO = {"id": "M", "address": {"hostname": "m1", "ip": "10.0.0.1", "port": 5051}, "hostname": "m1", "port": 5050}


@pytest.mark.parametrize(
    ("info", "wanted"),
    [
        (INFO, "http://10.0.0.1:5051"),
        ({**INFO, "address": {"ip": "fd00::1", "port": 5050}}, "http://[fd00::1]:5050"),
        ({"id": "M", "hostname": "m1", "port": 5055}, "http://m1:5055"),
    ],
    ids=["address", "ipv6", "old"],
)
def test_where_a_master_is(info, wanted):
    assert url_of(json.dumps(info).encode(), "http") == wanted


@pytest.mark.parametrize("data", [b"\x0a\x05", b"{}", b'{"id": "M"}'])
def test_a_node_that_is_no_master_is_one_line(data):
    with pytest.raises(PlatformUnavailable, match="node in ZooKeeper"):
        url_of(data, "http")


SETTING = {
    "mesos": "state master",
    "mesos=10.0.0.1:5050": "master: '10.0.0.1:5050' is not a URL",
    "mesos=zk://": "names no server",
    "mesos=http://m:5050?marathon=m": "marathon: 'm' is not a URL",
    "mesos=http://m:5050?user=ada": "go together",
    "mesos=http://m:5050?user=ada&password=x&token=y": "user and token exclude each other",
    "mesos=http://m:5050?user=ada&password=x&passwordFile=y": "password and passwordFile exclude each other",
    "mesos=http://m:5050?hostname={host}": "has no part {host}",
    "mesos=http://m:5050?port=0": "port: 0",
    "mesos=http://m:5050?reread=0": "reread 1 or more",
    "mesos=http://m:5050?nothing=1": "nothing",
}


@pytest.mark.parametrize("option", SETTING)
def test_wrong_settings_are_one_line(option):
    with pytest.raises(UsageError) as error:
        from_option(option)
    assert SETTING[option] in str(error.value)
    assert "\n" not in str(error.value)


def test_settings(tmp_path):
    (tmp_path / "secret").write_text("x\n")
    found = from_option(f"mesos=zk://u:p@a:1,b:2/mesos?user=ada&passwordFile={tmp_path}/secret").settings
    assert found.zookeeper == ("a:1,b:2", "/mesos", "u:p")
    assert found.headers() == {"Authorization": "Basic YWRhOng="}
    assert from_option("mesos=http://a:1/, http://b:2?token=t").settings.masters == ("http://a:1", "http://b:2")
    assert MesosSettings(master="http://a", token="t").headers() == {"Authorization": "token=t"}
    with pytest.raises(PlatformUnavailable, match="the secret cannot be read"):
        MesosSettings(master="http://a", token_file=str(tmp_path / "gone")).headers()


def test_the_example_is_what_its_rules_are_about():
    folder = ROOT / "examples" / "mesos"
    rules = (folder / "rules" / "web.yaml").read_text()
    for version in ("v1", "v2"):
        app = json.loads((folder / f"web-{version}.json").read_text())
        offer = service(app, {**TASK, "healthCheckResults": [{"alive": True}]})
        assert (offer.hostname, places(offer)) == ("web.shop", [("10.0.0.7", 31292, 80)])
        assert dict(offer.endpoints[0].labels)["version"] == version
        assert offer.endpoints[0].health is Health.HEALTHY
    found = {report.code for report in OfflineMesh({"web.yaml": load(rules, "web.yaml")}).reports()}
    assert found <= {"unknown-host", "unreferenced-host"}  # the service is the platform's
