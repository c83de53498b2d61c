"""Short ways to write objects in tables."""

import textwrap

from pidalio.api import load
from pidalio.model import Severity

VERSIONS = {"ProxyConfig": "networking.istio.io/v1beta1", "EnvoyFilter": "networking.istio.io/v1alpha3"}
ISTIO = {"VirtualService", "DestinationRule", "Gateway", "ServiceEntry", "WorkloadEntry", "WorkloadGroup", "Sidecar"}


def text_of(kind, spec, name="x"):
    """The YAML of an object; `spec` is YAML, indented or in flow style."""
    group = VERSIONS.get(kind, "networking.istio.io/v1" if kind in ISTIO else "pidalio.dev/v1")
    body = textwrap.indent(textwrap.dedent(spec).strip(), "  ")
    return f"apiVersion: {group}\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n{body}\n"


def parsed(text):
    """The only document of a text that can be read."""
    loaded = load(text, "f.yaml")
    assert loaded.reports == ()
    (only,) = loaded.parsed
    return only


def spec_of(kind, spec):
    """The typed spec of an object that is accepted."""
    result = parsed(text_of(kind, spec))
    assert result.object, [report.line() for report in result.reports]
    return result.object.spec


def findings(kind, spec, name="x"):
    """What is wrong with an object, as (severity, code, path inside the spec)."""
    result = parsed(text_of(kind, spec, name))
    assert (result.object is None) == any(report.severity is Severity.ERROR for report in result.reports)
    return {(r.severity.name.lower(), r.code, r.path.removeprefix("spec").removeprefix(".")) for r in result.reports}
