"""`pidalio compile` and `pidalio validate`: what files mean, with no server."""

import subprocess

import pytest
import yaml
from click.testing import CliRunner

from pidalio.cli import main
from pidalio.envoy.executable import find_envoy

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
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - match: [{sourceLabels: {tier: inner}}]
    route: [{destination: {host: nobody}}]
  - timeout: 3s
    route: [{destination: {host: reviews}}]
"""
NODE = "sidecar~10.0.0.7~{}.default~default.svc.cluster.local"
HOST = "http_proxy/reviews.default.svc.cluster.local:9080"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mesh.yaml").write_text(MESH)


def pidalio(*arguments: str):
    return CliRunner().invoke(main, arguments, prog_name="pidalio")


def compiled(name: str, *more: str):
    done = pidalio("compile", "-f", "mesh.yaml", "--proxy", NODE.format(name), *more)
    assert done.exit_code == 0, done.output
    return done


@pytest.mark.envoy
def test_static_is_a_file_that_plain_envoy_takes_missing_references_included(tmp_path):
    done = compiled("reviews-v1-0", "--labels", "tier=inner", "--outbound", "127.0.0.1:15099")
    assert "unknown-host" in done.stderr
    path = tmp_path / "envoy.yaml"
    path.write_text(done.stdout)
    command = [find_envoy(), "--mode", "validate", "-c", path, "--disable-hot-restart", "-l", "error"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    listeners = yaml.safe_load(done.stdout)["static_resources"]["listeners"]
    ports = [one["address"]["socket_address"]["port_value"] for one in listeners]
    assert 15099 in ports


def test_labels_are_those_of_the_workload_unless_given():
    def labels(*more: str):
        return yaml.safe_load(compiled("reviews-v1-0", *more).stdout)["node"]["metadata"]["LABELS"]

    assert labels() == {"app": "reviews", "version": "v1"}
    assert labels("--labels", "tier=inner") == {"tier": "inner"}


def test_dump_says_where_each_resource_comes_from():
    documents = yaml.safe_load_all(compiled("reviews-v1-0", "--format", "dump").stdout)
    by_name = {one["name"]: one for one in documents}
    host = by_name[HOST]
    assert host["type"] == "VirtualHost"
    assert host["version"]
    assert host["resource"]["domains"]
    assert host["origins"][0] == "VirtualService default/reviews http[1] (mesh.yaml:19)"
    assert by_name["PassthroughCluster"]["origins"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--proxy", "reviews-v1-0"), "pidalio: "),
        (("--proxy", NODE.format("x"), "--labels", "tier"), "pidalio: --labels 'tier': write them as key=value"),
    ],
    ids=["no-node-id", "no-labels"],
)
def test_what_cannot_be_compiled_is_one_line(arguments, said):
    done = pidalio("compile", "-f", "mesh.yaml", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1


def test_files_with_errors_are_not_compiled(tmp_path):
    (tmp_path / "mesh.yaml").write_text(MESH.replace("timeout: 3s", "timeout: soon"))
    done = pidalio("compile", "-f", "mesh.yaml", "--proxy", NODE.format("x"))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "mesh.yaml:19" in done.stderr


def test_validate_tells_every_mistake_what_has_no_effect_yet_and_what_is_not_read(tmp_path):
    (tmp_path / "more.yaml").write_text(
        "apiVersion: networking.istio.io/v1\n"
        "kind: DestinationRule\n"
        "metadata: {name: reviews}\n"
        "spec: {host: reviews, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}\n"
        "---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n"
        "---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n"
        "---\n{apiVersion: v1, kind: Secret, metadata: {name: c}}\n"
    )
    done = pidalio("validate", "-f", "mesh.yaml", "-f", "more.yaml")
    assert done.exit_code == 1
    lines = done.output.splitlines()
    assert any("mesh.yaml:18: unknown-host: VirtualService default/reviews" in line for line in lines)
    assert any("more.yaml:4: not-yet-effective: DestinationRule default/reviews" in line for line in lines)
    assert [line for line in lines if "not read" in line] == [
        "info: kinds-not-read: documents of kinds that are not read: ConfigMap 2, Secret 1"
    ]


def test_validate_of_good_files_says_so(tmp_path):
    (tmp_path / "mesh.yaml").write_text(
        MESH.replace("nobody", "reviews").replace("sourceLabels: {tier: inner}", "uri: {exact: /x}")
    )
    done = pidalio("validate", "-f", "mesh.yaml", "--strict")
    assert (done.exit_code, done.output) == (0, "3 objects, 0 errors, 0 warnings\n")


def test_validate_says_what_has_no_effect_and_strict_refuses_it(tmp_path):
    (tmp_path / "mesh.yaml").write_text(MESH.replace("nobody", "reviews"))
    done = pidalio("validate", "-f", "mesh.yaml")
    line = "mesh.yaml:17: ineffective: VirtualService default/reviews: spec.http[0].match[0]: no caller has labels tier=inner"
    assert (done.exit_code, done.output) == (0, f"warning: {line}\n3 objects, 0 errors, 1 warnings\n")
    assert pidalio("validate", "-f", "mesh.yaml", "--strict").exit_code == 1


def test_validate_says_which_rule_wins(tmp_path):
    later = (
        MESH[MESH.index("apiVersion: networking") :]
        .replace("name: reviews", "name: younger")
        .replace("nobody", "reviews")
    )
    (tmp_path / "mesh.yaml").write_text(MESH.replace("nobody", "reviews") + "---\n" + later)
    done = pidalio("validate", "-f", "mesh.yaml", "--strict")
    assert done.exit_code == 1
    assert "conflict-host: VirtualService default/younger: spec.hosts[0]: sidecars take host" in done.output
    assert (
        "from VirtualService default/reviews (mesh.yaml:11), which is as old, and its name comes first" in done.output
    )
