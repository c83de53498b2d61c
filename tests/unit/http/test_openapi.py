"""The description is of what is really served."""

import re

from tests.unit.http.embedded import Embedded

from pidalio.http.app import app
from pidalio.http.openapi import document
from pidalio.http.operations import OPERATIONS


async def test_every_route_is_described_and_nothing_else(mesh: Embedded) -> None:
    described = {(method.upper(), path) for path, methods in document()["paths"].items() for method in methods}
    served = {(method, route.path) for route in app(mesh.served).routes for method in route.methods if method != "HEAD"}
    assert described == served


def test_every_reference_leads_somewhere() -> None:
    text = str(document())
    names = set(re.findall(r"#/components/schemas/([\w\[\], .]+)'", text))
    assert names
    assert names <= set(document()["components"]["schemas"])


def test_parameters_are_those_that_are_read() -> None:
    parameters = document()["paths"]["/v1/apply"]["post"]["parameters"]
    assert {one["name"] for one in parameters} == {
        "dryRun",
        "force",
        "strict",
        "author",
        "message",
        "expected",
        "namespace",
        "file",
    }
    live = document()["paths"]["/v1/live"]["get"]["parameters"]
    assert {one["name"]: one["required"] for one in live} == {"generation": True, "seconds": False}


def test_every_operation_says_what_it_does() -> None:
    identities = [document()["paths"][one.path][one.method.lower()] for one in OPERATIONS]
    assert all(one["summary"].endswith(".") for one in identities)
    assert len({one["operationId"] for one in identities}) == len(OPERATIONS)


async def test_it_is_served(mesh: Embedded) -> None:
    answer = await mesh.http.get("/openapi.json")
    assert answer.json()["openapi"] == "3.1.0"
