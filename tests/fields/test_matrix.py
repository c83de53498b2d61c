"""Every field has a row, every row its proof, and every proof holds."""

from pathlib import Path

import pytest
from tests.fields import matrix
from tests.fields.cases import proofs
from tests.fields.collecting import running
from tests.fields.elsewhere import ELSEWHERE, REFUSED, UNPROVEN
from tests.fields.patterns import KINDS
from tests.unit.api.mistakes import TABLES

from pidalio.api import set_fields

ROOT = Path(__file__).parents[2]
REFRESH = "python scripts/fields.py"


@pytest.mark.parametrize("kind", KINDS)
def test_proofs_hold(kind):
    rows = [row for row in matrix.kept() if row.kind == kind]
    broken = [str(row) for row in rows if not matrix.is_believed(row, rows) and row.proof != matrix.NONE]
    assert not broken, f"these fields can be taken out and the named test does not notice: {broken}; run: {REFRESH}"


def test_every_field_has_a_proof():
    missing = {row.field for row in matrix.without_proof(matrix.kept())} - UNPROVEN
    assert not missing, f"no test fails without these fields: {sorted(missing)}; add a case that does, then {REFRESH}"


def test_no_field_is_called_unproven_that_is_proved():
    assert {row.field for row in matrix.without_proof(matrix.kept())} >= UNPROVEN


def test_cases_pass_as_they_are_judged_here():
    """Else a mutant would seem to break what is broken anyway."""
    assert [proof.name for proof in proofs().values() if not proof.holds()] == []


def test_exceptions_are_fields():
    assert {*ELSEWHERE, *REFUSED} <= {row.field for row in matrix.statuses()}


def test_tests_that_prove_exist_and_run():
    wanted = set(ELSEWHERE.values())
    assert running(wanted, ROOT) >= wanted


@pytest.mark.parametrize(("field", "mistake"), REFUSED.items())
def test_refused_fields_are_named(field, mistake):
    kind, _, name = mistake.partition("-")
    spec, severity, _, path = TABLES[kind][name]
    patterns = {pattern: where for where, pattern, _ in set_fields(_spec(kind, spec))}
    assert severity == "error"
    assert patterns[field.removeprefix(f"{kind} ")] == path


def _spec(kind, spec):
    from pidalio.api.convert import convert
    from pidalio.api.findings import Findings
    from pidalio.api.kinds import BY_NAME
    from pidalio.api.yaml_reader import Bounds, read

    (document,) = read(spec, "", Bounds()).documents
    return convert(BY_NAME[kind].struct, document.tree, None, Findings())


TLS = "comes with TLS at gateways and sidecars"
IDENTITY = "comes with the mesh's identity"
ALLOWED = {
    "Gateway servers[].tls.": TLS,
    "Sidecar ingress[].tls": TLS,
    "Ingress tls": TLS,
    "ServiceEntry subjectAltNames": TLS,
    "ServiceEntry endpoints[].serviceAccount": IDENTITY,
    "WorkloadEntry serviceAccount": IDENTITY,
    "LocalWorkload serviceAccount": IDENTITY,
    "MeshConfig enableAutoMtls": IDENTITY,
    "MeshConfig trustDomain": IDENTITY,
    "MeshConfig meshMTLS": IDENTITY,
    "MeshConfig tlsDefaults": IDENTITY,
    "MeshConfig verifyCertificateAtClient": IDENTITY,
    "MeshConfig ca": IDENTITY,
    "MeshConfig defaultConfig.caCertificatesPem": IDENTITY,
    "MeshConfig defaultConfig.privateKeyProvider": IDENTITY,
    "MeshConfig outboundTrafficPolicy.tls": TLS,
    "EnvoyFilter ": "is Envoy's language, not the rules'",
    **{
        f"DestinationRule {outer}trafficPolicy.{port}tls": TLS
        for outer in ("", "subsets[].")
        for port in ("", "portLevelSettings[].")
    },
    "WorkloadGroup template.serviceAccount": IDENTITY,
}
"""All that is accepted without effect, by the beginnings of fields; everything else works, or is refused by name."""


def test_what_waits_is_known():
    waiting = [row.field for row in matrix.statuses() if row.status == matrix.WAITS]
    assert [field for field in waiting if not field.startswith(tuple(ALLOWED))] == []
    assert [begin for begin in ALLOWED if not any(field.startswith(begin) for field in waiting)] == []
