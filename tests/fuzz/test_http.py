"""No body and no query, however broken, is answered with a mistake of ours, and none changes the mesh half-way."""

import json
import os
import random
from pathlib import Path

import pytest
from tests.fuzz.corpus import mutated
from tests.unit.http.embedded import SERVICES, Embedded

from pidalio.history import SqliteHistory
from pidalio.http.operations import OPERATIONS

COUNT = 60 * int(os.environ.get("PIDALIO_FUZZ", "1"))
MEDIA = ("application/json", "application/yaml", "application/vnd.pidalio.files+json", "text/plain", "", "x/y; a=b")
REFUSALS = {200, 400, 404, 405, 409, 413, 422}
BODIES = [operation for operation in OPERATIONS if operation.body is not None]
VALUES = (None, True, 0, -1, 2**70, 1.5, "", "a", "\ud83d", [], {}, [None], {"a": 1}, "9" * 5000)


@pytest.fixture
async def mesh(tmp_path: Path):
    history = await SqliteHistory.open(tmp_path / "history.db")
    made = Embedded(history, tmp_path)
    await made.apply(SERVICES)
    yield made
    await made.http.aclose()
    await made.served.registrations.close()
    await history.close()


def addressed(path: str, source: random.Random) -> str:
    parts = ("reviews-0.default", "1", "-1", "%00", "a%2Fb", "9" * 30, "é")
    return path.replace("{id}", source.choice(parts)).replace("{number}", source.choice(parts)).replace("{what}", "x")


async def test_texts_that_are_applied(mesh: Embedded) -> None:
    source = random.Random(5)
    for text in mutated(5, COUNT):
        kept = source.choice(MEDIA)
        query = source.choice(("?dryRun=true", "", "?force=true", "?namespace=A_", "?expected=x", "?unknown=1"))
        answer = await mesh.http.post(f"/v1/apply{query}", content=text, headers={"content-type": kept})
        assert answer.status_code in REFUSALS, (text, answer.text)
        json.loads(answer.text)


@pytest.mark.parametrize("operation", BODIES, ids=lambda operation: f"{operation.method} {operation.path}")
async def test_bodies_of_every_operation(mesh: Embedded, operation) -> None:
    source = random.Random(7)
    names = list(operation.body.__struct_encode_fields__)
    for text in mutated(7, COUNT // 2):
        tree = {name: source.choice(VALUES) for name in names if source.random() < 0.7}
        raw = json.dumps(tree).encode() if source.random() < 0.7 else text
        path = addressed(operation.path, source)
        answer = await mesh.http.request(
            operation.method, path, content=raw, headers={"content-type": "application/json"}
        )
        assert answer.status_code in REFUSALS, (raw, answer.text)
        json.loads(answer.text)


@pytest.mark.parametrize(
    "operation",
    [one for one in OPERATIONS if one.query is not None and one.path != "/v1/live"],
    ids=lambda operation: f"{operation.method} {operation.path}",
)
async def test_queries_of_every_operation(mesh: Embedded, operation) -> None:
    source = random.Random(11)
    names = [*operation.query.__struct_encode_fields__, "unknown"]
    for _ in range(COUNT // 4):
        query = {name: str(source.choice(VALUES)) for name in names if source.random() < 0.5}
        query = {name: value.encode("utf-8", "replace").decode() for name, value in query.items()}
        answer = await mesh.http.request(operation.method, addressed(operation.path, source), params=query)
        assert answer.status_code in REFUSALS, (query, answer.text)
        json.loads(answer.text)
