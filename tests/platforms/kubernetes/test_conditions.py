"""The status that objects get: what is true, since when, and that equal meaning is an equal status."""

import pytest

from pidalio.model import Report, Severity
from pidalio.platforms.informing import ObjectStatus
from pidalio.platforms.kubernetes.informing.conditions import status_of
from pidalio.platforms.kubernetes.informing.ingress import addresses_of, ingress_status

THEN, NOW = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
DEAD = Report(Severity.WARNING, "unreferenced-host", "no service is called that", path="spec.hosts[0]")
WRONG = Report(Severity.ERROR, "unknown-field", "no field 'rout'", path="spec.http[0]")
LOSES = Report(Severity.WARNING, "host-conflict", "another declares it first")


def shown(status) -> dict[str, tuple[str, str]]:
    return {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]}


@pytest.mark.parametrize(
    ("known", "conditions"),
    [
        (
            ObjectStatus(3, True, 2, 2),
            {"Compiled": ("True", "Accepted"), "Effective": ("True", "OnAllProxies"), "Conflicts": ("False", "None")},
        ),
        (
            ObjectStatus(3, True, 1, 2),
            {"Compiled": ("True", "Accepted"), "Effective": ("True", "OnSomeProxies"), "Conflicts": ("False", "None")},
        ),
        (
            ObjectStatus(3, True, 0, 2),
            {"Compiled": ("True", "Accepted"), "Effective": ("False", "OnNoProxy"), "Conflicts": ("False", "None")},
        ),
        (
            ObjectStatus(3, True, 0, 2, ineffective=(DEAD,), conflicts=(LOSES,)),
            {
                "Compiled": ("True", "Accepted"),
                "Effective": ("False", "UnreferencedHost"),
                "Conflicts": ("True", "HostConflict"),
            },
        ),
        (
            ObjectStatus(3, True, 2, 2, ineffective=(DEAD,)),
            {"Compiled": ("True", "Accepted"), "Effective": ("True", "InPart"), "Conflicts": ("False", "None")},
        ),
        (
            ObjectStatus(3, True, None, 2),
            {
                "Compiled": ("True", "Accepted"),
                "Effective": ("Unknown", "ConcernsNoProxy"),
                "Conflicts": ("False", "None"),
            },
        ),
        (
            ObjectStatus(3, True, 2, 2, mistakes=(WRONG,)),
            {
                "Compiled": ("False", "UnknownField"),
                "Effective": ("Unknown", "NotCompiled"),
                "Conflicts": ("False", "None"),
            },
        ),
        (
            ObjectStatus(3, False),
            {
                "Compiled": ("False", "NotRead"),
                "Effective": ("Unknown", "ConcernsNoProxy"),
                "Conflicts": ("False", "None"),
            },
        ),
    ],
)
def test_what_became_of_an_object_is_three_conditions(known, conditions):
    status = status_of(known, {}, NOW)
    assert shown(status) == conditions
    assert status["observedGeneration"] == 3
    assert {(one["observedGeneration"], one["lastTransitionTime"]) for one in status["conditions"]} == {(3, NOW)}
    assert status_of(known, status, THEN) == status  # nothing to write


def test_a_condition_has_the_time_of_its_last_change():
    before = status_of(ObjectStatus(1, True, 2, 2), {}, THEN)
    after = status_of(ObjectStatus(2, True, 0, 2, ineffective=(DEAD,)), before, NOW)
    assert {one["type"]: one["lastTransitionTime"] for one in after["conditions"]} == {
        "Compiled": THEN,
        "Effective": NOW,
        "Conflicts": THEN,
    }
    message = {one["type"]: one["message"] for one in after["conditions"]}
    assert message["Effective"] == "spec.hosts[0]: no service is called that"


def test_counts_of_proxies_are_no_reason_to_write():
    assert status_of(ObjectStatus(1, True, 2, 5), {}, NOW) == status_of(ObjectStatus(1, True, 3, 9), {}, NOW)


def test_what_others_wrote_stays():
    former = {
        "conditions": [{"type": "Reconciled", "status": "True"}, {"type": "Compiled", "status": "False"}],
        "validationMessages": [{"level": "INFO", "type": {"code": "IST0118", "name": "PortName"}}],
        "addresses": [{"value": "240.240.0.1"}],
    }
    status = status_of(ObjectStatus(1, True, 0, 1, ineffective=(DEAD,), risks=(DEAD, LOSES)), former, NOW)
    assert [one["type"] for one in status["conditions"]] == ["Reconciled", "Compiled", "Effective", "Conflicts"]
    assert status["addresses"] == former["addresses"]
    assert status["validationMessages"] == [
        *former["validationMessages"],
        {"level": "WARNING", "type": {"name": "host-conflict"}},
        {"level": "WARNING", "type": {"name": "unreferenced-host"}},
    ]
    again = status_of(ObjectStatus(1, True, 1, 1), status, NOW)
    assert again["validationMessages"] == former["validationMessages"]


def test_many_reports_are_few_words():
    many = tuple(Report(Severity.WARNING, "unreferenced-host", f"{number} " + "x" * 400) for number in range(7))
    (effective,) = (
        one
        for one in status_of(ObjectStatus(1, True, 0, 1, ineffective=many), {}, NOW)["conditions"]
        if one["type"] == "Effective"
    )
    assert len(effective["message"]) <= 1000
    few = status_of(ObjectStatus(1, True, 0, 1, ineffective=(DEAD,) * 9), {}, NOW)
    assert "more" not in few["conditions"][1]["message"]


def test_an_ingress_shows_where_its_gateway_is():
    here = addresses_of(["192.0.2.1", "gw.example"])
    assert here == [{"ip": "192.0.2.1"}, {"hostname": "gw.example"}]
    served = ingress_status(ObjectStatus(1, True, 1, 1), {}, here)
    assert served == {"loadBalancer": {"ingress": here}}
    assert ingress_status(ObjectStatus(2, True, 1, 1, mistakes=(WRONG,)), served, here) == {"loadBalancer": {}}
    foreign = Report(Severity.INFO, "foreign-ingress", "another controller's")
    other = {"loadBalancer": {"ingress": [{"ip": "203.0.113.9"}]}}
    assert ingress_status(ObjectStatus(1, True, 0, 1, ineffective=(foreign,)), other, here) == other
    assert ingress_status(ObjectStatus(1, False), other, here) == other
