"""The history over the API."""

import pytest
from tests.unit.http.embedded import Embedded, decoded, rule

from pidalio.errors import NotFound
from pidalio.model import ObjectRef

REVIEWS = ObjectRef("VirtualService", "default", "reviews")


async def test_revisions_newest_first_with_who_and_why(mesh: Embedded) -> None:
    await mesh.apply(rule(), author="bob", message="to v1")
    newest, first = await mesh.client.history()
    assert (newest.number, newest.author, newest.message) == (2, "bob", "to v1")
    assert newest.changes == ((REVIEWS, "added"),)
    assert (first.author, len(first.changes)) == ("ada", 3)
    assert [one.number for one in await mesh.client.history(before=2)] == [1]


async def test_one_revision_shows_before_and_after(mesh: Embedded) -> None:
    await mesh.apply(rule("v1"))
    await mesh.apply(rule("v2"))
    found = await mesh.client.revision(3)
    (difference,) = found.differences
    assert (difference.action, difference.object) == ("changed", REVIEWS)
    subsets = [
        one["spec"]["http"][0]["route"][0]["destination"]["subset"] for one in (difference.before, difference.after)
    ]
    assert subsets == ["v1", "v2"]


async def test_two_revisions_are_compared(mesh: Embedded) -> None:
    await mesh.apply(rule("v1"))
    await mesh.apply(rule("v2"))
    assert [one.action for one in (await mesh.client.diff(1, 3)).differences] == ["added"]
    newest = await mesh.client.diff(2)
    assert (newest.newer, [one.action for one in newest.differences]) == (3, ["changed"])
    assert (await mesh.client.diff(3)).differences == ()


async def test_unknown_revisions(mesh: Embedded) -> None:
    with pytest.raises(NotFound):
        await mesh.client.revision(99)


@pytest.mark.parametrize("path", ["/v1/history/x", "/v1/history/-1", "/v1/history?limit=0", "/v1/history/diff"])
async def test_wrong_numbers_are_bad_requests(mesh: Embedded, path: str) -> None:
    answer = await mesh.http.get(path)
    assert (answer.status_code, decoded(answer)["code"]) == (400, "bad-request")
