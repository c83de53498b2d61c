"""The manifests of `examples/kubernetes`: the rules are valid, the command line is one, the rights are for what is read."""

from pathlib import Path

import yaml
from click.testing import CliRunner

from pidalio.api.definitions import definitions
from pidalio.cli import main
from pidalio.cli.serve import serve

FOLDER = Path(__file__).parents[3] / "examples" / "kubernetes"


def documents(name: str) -> list[dict]:
    return [one for one in yaml.safe_load_all((FOLDER / name).read_text()) if one]


def test_the_rules_have_no_mistakes():
    result = CliRunner().invoke(main, ["validate", *(f"-f{FOLDER / name}" for name in ("service.yaml", "rules.yaml"))])
    assert result.exit_code == 0, result.output


def test_the_control_plane_is_started_with_options_that_there_are():
    (deployment,) = (one for one in documents("control-plane.yaml") if one["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    name, command, *options = container["command"]
    assert (name, command) == ("pidalio", "serve")
    parsed = serve.make_context("serve", options).params
    assert parsed["platforms"] == ("kubernetes",)
    assert str(parsed["tls_cert"]) == "/etc/pidalio/tls.crt"


def test_the_rights_name_all_of_our_kinds():
    allowed = {
        (group, resource)
        for role in documents("rbac.yaml")
        if role["kind"] == "ClusterRole"
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    for one in definitions():
        plural = one["spec"]["names"]["plural"]
        assert {("pidalio.dev", plural), ("pidalio.dev", f"{plural}/status")} <= allowed
