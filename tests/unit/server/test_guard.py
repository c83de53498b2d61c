"""What looks like an outage of a platform takes nothing away until it is meant; what is plainly meant does."""

import pytest

from pidalio.api.load import load
from pidalio.errors import NotFound
from pidalio.history import SqliteHistory
from pidalio.model import Endpoint, Health, Workload
from pidalio.server.control_plane import ControlPlane
from pidalio.store import tables


def service(name: str) -> str:
    return f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{ports: [{{port: 80}}]}}\n"


@pytest.fixture
async def history(tmp_path):
    opened = await SqliteHistory.open(tmp_path / "history.db")
    yield opened
    await opened.close()


@pytest.fixture
def control(history) -> ControlPlane:
    return ControlPlane(history)


async def files(control: ControlPlane, **texts: str | None):
    units = {f"{name}.yaml": None if text is None else load(text, f"{name}.yaml") for name, text in texts.items()}
    return await control.replace_units("files", units, author="test")


def names(control: ControlPlane) -> list[str]:
    return [item.meta.name for item in control.objects("Service")]


def told(control: ControlPlane) -> list[str]:
    return [report.message for report in control.reports() if report.code == "kept-last-known"]


async def test_an_emptied_folder_takes_nothing_away_until_it_is_meant(control):
    await files(control, a=service("a"), b=service("b"))
    applied = await files(control, a=None, b=None)
    assert names(control) == ["a", "b"]
    (message,) = told(control)
    assert message == (
        "all 2 files that held objects are gone: what was known last stays in force; if it is meant, "
        "say `pidalio release files`"
    )
    assert [report.code for report in applied.reports] == ["kept-last-known"]
    await control.release("files", author="ada")
    assert (names(control), told(control)) == ([], [])
    assert (await control.history.head()).author == "ada"
    with pytest.raises(NotFound, match="nothing of 'files' is held back"):
        await control.release("files", author="ada")


async def test_a_file_that_comes_back_brings_the_removal_of_the_others(control):
    await files(control, a=service("a"), b=service("b"))
    await files(control, a=None)
    assert names(control) == ["b"]  # one of several is a removal like any other
    await files(control, a=service("a"))
    await files(control, a=None, b=None)
    await files(control, b=service("b"))
    assert (names(control), told(control)) == (["b"], [])


async def test_files_that_are_emptied_count_as_gone(control):
    await files(control, a=service("a"), b=service("b"))
    await files(control, a="", b="# nothing\n")
    assert names(control) == ["a", "b"]
    await files(control, c=service("c"))
    assert names(control) == ["c"]


async def test_the_only_file_may_go(control):
    await files(control, a=service("a") + "---\n" + service("b"))
    await files(control, a=None)
    assert names(control) == []


async def test_a_change_that_cannot_be_recorded_forgets_nothing(control, monkeypatch):
    await files(control, a=service("a"), b=service("b"))
    await files(control, a=None, b=None)

    async def full(*_, **__):
        raise OSError("full")

    with monkeypatch.context() as patched:
        patched.setattr(control.history, "record", full)
        with pytest.raises(OSError, match="full"):
            await files(control, b=service("b"))
    await files(control, b=service("b"))
    assert names(control) == ["b"]


async def test_what_the_api_owns_goes_when_it_is_deleted(control):
    await control.apply(load(service("a"), "a.yaml").parsed, author="test")
    await control.delete([item.ref for item in control.objects("Service")], author="test")
    assert names(control) == []


async def test_whoever_wants_no_guard_has_none(history):
    control = ControlPlane(history, minimum_healthy=0)
    await files(control, a=service("a"), b=service("b"))
    await files(control, a=None, b=None)
    assert names(control) == []
    show(control, 10)
    show(control, 0)
    assert known(control) == 0


def show(control: ControlPlane, count: int, health: Health = Health.HEALTHY) -> None:
    """Deliver all that a platform has: so many instances of `health`."""
    rows = {("ns", f"w{n}", "Machine"): Workload(f"w{n}", "ns", f"10.0.0.{n}", (), health=health) for n in range(count)}
    control.feed("cloud", {tables.WORKLOADS: rows}, complete=True)


def known(control: ControlPlane, health: Health = Health.HEALTHY) -> int:
    rows = (tables.WORKLOADS.get(control.world, key) for key in tables.WORKLOADS.keys(control.world))
    return sum(row is not None and row.health is health for row in rows)


@pytest.mark.parametrize(
    ("before", "after", "live"),
    [
        pytest.param(10, 0, 10, id="an empty answer"),
        pytest.param(10, 1, 10, id="a tenth"),
        pytest.param(10, 2, 2, id="a fifth is believed"),
        pytest.param(2, 0, 2, id="both"),
        pytest.param(1, 0, 0, id="one alone may go"),
    ],
)
async def test_a_whole_answer_that_takes_nearly_all_away_is_not_believed(control, before, after, live):
    show(control, before)
    show(control, after)
    assert known(control) == live
    assert bool(told(control)) is (live != after)


async def test_nor_one_that_calls_nearly_all_of_them_ill(control):
    show(control, 5)
    show(control, 5, Health.UNHEALTHY)
    assert known(control) == 5
    assert told(control)[0].startswith("cloud shows 0 healthy instances where it showed 5: ")


async def test_it_is_believed_once_it_shows_enough_again(control):
    show(control, 10)
    show(control, 0)
    show(control, 6)
    assert (known(control), told(control)) == (6, [])


async def test_or_once_somebody_says_that_it_is_meant(control):
    show(control, 10)
    show(control, 1)
    await control.release("cloud", author="ada")
    assert (known(control), told(control)) == (1, [])


async def test_single_words_are_always_believed(control):
    """Each is about one instance, from who runs it."""
    show(control, 3)
    for n in range(3):
        control.feed("cloud", {tables.WORKLOADS: {("ns", f"w{n}", "Machine"): None}})
    assert (known(control), told(control)) == (0, [])


async def test_endpoints_count_as_instances(control):
    def shows(*health: Health) -> None:
        rows = tuple(Endpoint(f"10.0.0.{n}", 80, 80, health=one) for n, one in enumerate(health))
        control.feed("cloud", {tables.ENDPOINTS: {("a.com", "ns", "cloud"): rows}}, complete=True)

    shows(Health.HEALTHY, Health.UNKNOWN, Health.UNHEALTHY)
    shows()
    assert told(control)[0].startswith("cloud shows 0 healthy instances where it showed 2: ")
    shows(Health.HEALTHY)
    assert told(control) == []
