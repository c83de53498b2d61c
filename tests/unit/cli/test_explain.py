"""`pidalio explain` from files: every step says where it is written, in text and in JSON."""

import json
import re

import pytest
from click.testing import CliRunner

from pidalio.cli import main

MESH = """\
apiVersion: v1
kind: Service
metadata: {name: reviews}
spec: {selector: {app: reviews}, ports: [{name: http, port: 9080}]}
---
apiVersion: pidalio.dev/v1
kind: LocalWorkload
metadata: {name: reviews-v1}
spec: {labels: {app: reviews, version: v1}, command: ["true"], ports: [{name: http, port: 9080}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  trafficPolicy: {loadBalancer: {simple: RANDOM}}
  subsets:
  - {name: v2, labels: {version: v2}}
  - {name: v1, labels: {version: v1}, trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x-user}}}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - match: [{headers: {user: {exact: jason}}}]
    redirect: {uri: /gone}
  - timeout: 3s
    retries: {attempts: 1}
    fault:
      delay: {fixedDelay: 1s, percentage: {value: 10}}
    rewrite: {uri: /new}
    mirror: {host: reviews, subset: v2}
    route:
    - destination: {host: reviews, subset: v1}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 8080, name: http, protocol: HTTP}, hosts: ["*"]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: way-in}
spec:
  hosts: ["*"]
  gateways: [edge]
  http: [{route: [{destination: {host: reviews}}]}]
"""

FROM = r"\[(default|(Istio|Envoy|Pidalio)'s default|mesh\.yaml:\d+ .+)\]$"
LOG = {
    "proxy": "ingressgateway.default",
    "method": "GET",
    "authority": "127.0.0.1:8080",
    "path": "/x",
    "rule": {"config": "/apis/networking.istio.io/v1/namespaces/default/virtual-service/way-in", "path": "http[0]"},
    "response_code": 200,
}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mesh.yaml").write_text(MESH)


def explain(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["explain", "-f", "mesh.yaml", *arguments], prog_name="pidalio")
    assert done.exit_code == 0, done.output
    return done.stdout


def step(text: str, name: str) -> str:
    """Return where the step called `name` says that it is written."""
    (line,) = [each for each in text.splitlines() if each.lstrip().startswith(name)]
    return line.rpartition("  [")[2].partition(" (")[0].rstrip("]")


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("listener", "default"),
        ("route table", "default"),
        ("virtual host", "mesh.yaml:21"),
        ("route 0", "mesh.yaml:27"),
        ("route 1", "mesh.yaml:29"),
        ("fault", "mesh.yaml:31"),
        ("cluster", "mesh.yaml:36"),
        ("sent as", "mesh.yaml:29"),
        ("subset", "mesh.yaml:19"),
        ("balancing", "mesh.yaml:19"),
        ("hash", "mesh.yaml:19"),
        ("connect ", "default"),
        ("endpoint", "mesh.yaml:1"),
        ("timeout", "mesh.yaml:29"),
        ("retries.attempts", "mesh.yaml:30"),
        ("retries.retryOn", "Istio's default"),
        ("retries.retryIgnorePreviousHosts", "mesh.yaml:19"),
        ("retries.backoff", "Envoy's default"),
        ("connectionPool.tcp.maxConnections", "Istio's default"),
        ("outlierDetection", "Istio's default"),
        ("mirror", "mesh.yaml:34"),
    ],
)
def test_every_step_names_its_line_or_default(name, place):
    assert step(explain("--from", "reviews-v1-0", "GET", "http://reviews:9080/a"), name) == place


def test_every_line_but_the_outcome_names_where_it_is_written():
    for line in explain("--from", "reviews-v1-0", "GET", "http://reviews:9080/a").splitlines():
        assert line.startswith("outcome") or re.search(FROM, line), line


def test_a_route_that_was_not_taken_says_what_it_missed():
    text = explain("--from", "reviews-v1-0", "GET", "http://reviews:9080/a", "-H", "user: ada")
    assert 'route 0: header user is not "jason"' in text
    assert "route 1: chosen" in text


def test_a_route_of_a_delegate_names_both_rules(tmp_path):
    rules = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - match: [{uri: {prefix: /team}}]
    delegate: {name: team, namespace: team}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: team, namespace: team}
spec:
  http:
  - directResponse: {status: 418}
"""
    first, _, _ = MESH.partition("---\napiVersion: networking.istio.io/v1\nkind: VirtualService")
    (tmp_path / "mesh.yaml").write_text(f"{first}---\n{rules}")
    text = explain("--from", "reviews-v1-0", "GET", "http://reviews:9080/team")
    (line,) = [each for each in text.splitlines() if "route 0" in each]
    own, _, root = line.partition(", delegated to by ")
    assert own.endswith("[mesh.yaml:35 (VirtualService team/team http[0])")
    assert root == "mesh.yaml:27 (VirtualService default/reviews http[0].match[0])]"


def test_a_sticky_route_tells_the_bucket_and_who_owns_which(tmp_path):
    to = "route: [{destination: {host: reviews, subset: v1}, weight: 9}, {destination: {host: reviews, subset: v2}, weight: 1}]"
    rule = "  http:\n  - match: [{headers: {user: {exact: jason}}}]"
    sticky = MESH.replace(
        rule, f"  http:\n  - match: [{{uri: {{prefix: /a}}}}]\n    sticky: {{header: id}}\n    {to}\n  - match: []"
    )
    (tmp_path / "mesh.yaml").write_text(sticky)
    text = explain("--from", "reviews-v1-0", "GET", "http://reviews:9080/a", "-H", "id: ann")
    v1 = "outbound|9080|v1|reviews.default.svc.cluster.local"
    assert f"bucket        6448 by header id: {v1} owns 0–8999  [mesh.yaml:28 " in text
    assert f"  buckets     0–8999: {v1}  [mesh.yaml:28 " in text
    assert f"cluster       {v1}: 1 of the requests" in text
    text = explain("--from", "reviews-v1-0", "GET", "http://reviews:9080/a")
    assert "bucket        not known before the request is made (by header id)" in text
    assert f"cluster       {v1}: 0.9 of the requests" in text


@pytest.mark.parametrize(
    ("asks", "shown"),
    [
        (
            "http: {path: /healthz, expected: [200, 204-299]}",
            "GET reviews.default.svc.cluster.local/healthz answers 200, 204-299",
        ),
        ("tcp: {}", "a connection opens"),
        ("tcp: {send: PING, receive: [PONG]}", "a connection gets the answer"),
        (
            "port: 9080, grpc: {service: shop}",
            "gRPC health of shop at reviews.default.svc.cluster.local is SERVING",
        ),
    ],
)
def test_instances_that_are_checked_name_the_rule(asks, shown, tmp_path):
    check = (
        "---\napiVersion: pidalio.dev/v1\nkind: HealthCheck\nmetadata: {name: reviews}\n"
        f"spec: {{host: reviews, {asks}, interval: 2s}}\n"
    )
    mesh = MESH.replace("name: http, port: 9080}]}\n---", "name: http, port: 9080, appProtocol: http2}]}\n---", 1)
    file = tmp_path / "mesh.yaml"
    file.write_text((mesh if "grpc" in asks else MESH) + check)
    answer = CliRunner().invoke(
        main, ["explain", "-f", str(file), "--from", "reviews-v1-0", "GET", "http://reviews:9080/"]
    )
    (line,) = [one.strip() for one in answer.output.splitlines() if one.strip().startswith("checked")]
    assert line.startswith(f"checked     {shown}: every 2000 ms, within 1000 ms, out after 3, back after 2  [")
    assert line.endswith("(HealthCheck default/reviews)]")


def test_zones_name_the_setting_that_balances_them(tmp_path):
    hashed = "consistentHash: {httpHeaderName: x-user}"
    assert hashed in MESH
    file = tmp_path / "mesh.yaml"
    file.write_text(MESH.replace(hashed, "zoneAwareLbSetting: {minClusterSize: 4}"))
    answer = CliRunner().invoke(
        main, ["explain", "-f", str(file), "--from", "reviews-v1-0", "GET", "http://reviews:9080/"]
    )
    (line,) = [one.strip() for one in answer.output.splitlines() if one.strip().startswith("zones")]
    assert line.startswith("zones       callers stay at home as far as there is room, from 4 healthy instances on  [")
    assert line.endswith(
        '(DestinationRule default/reviews subsets["v1"].trafficPolicy.loadBalancer.zoneAwareLbSetting)]'
    )


def test_a_redirect_names_its_route():
    text = explain("--from", "reviews-v1-0", "GET", "http://reviews:9080/a", "-H", "user: jason")
    assert step(text, "redirect") == "mesh.yaml:27"


def test_json_has_the_place_of_every_origin():
    found = json.loads(explain("--from", "reviews-v1-0", "GET", "http://reviews:9080/a", "-o", "json"))
    assert found["tried"][0]["origin"]["place"].startswith("mesh.yaml:27 ")
    assert found["action"]["destinations"][0]["origin"]["place"].startswith("mesh.yaml:36 ")
    pending = [found]
    while pending:
        tree = pending.pop()
        pending += tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
        assert not isinstance(tree, dict) or "object" not in tree or "place" in tree


@pytest.mark.parametrize("name", ["ingressgateway", "default/ingressgateway", "edge"])
def test_a_gateway_goes_by_the_name_that_up_gives_it_and_by_its_object(name):
    text = explain("--from", name, "GET", "http://127.0.0.1:8080/x")
    assert step(text, "listener") == "mesh.yaml:38"
    assert step(text, "virtual host") == "mesh.yaml:45"


def test_a_line_of_the_access_log_is_asked_again():
    assert "outbound|9080||reviews.default.svc.cluster.local" in explain("--log", json.dumps(LOG))


@pytest.mark.parametrize("line", ["", "[]", "{}", '{"method": "GET"}', "GET /"])
def test_what_is_no_line_of_an_access_log(line):
    done = CliRunner().invoke(main, ["explain", "-f", "mesh.yaml", "--log", line], prog_name="pidalio")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("pidalio: --log: this is no line of an access log of ours")
