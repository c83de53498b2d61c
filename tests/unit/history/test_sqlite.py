import asyncio
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from pidalio.api.dump import dump
from pidalio.api.load import load
from pidalio.errors import Conflict, HistoryUnavailable, NotFound
from pidalio.history import Action, Retention, SqliteHistory
from pidalio.model import ObjectRef
from pidalio.store.catalog import Catalog
from pidalio.store.change import Owner, Write

API = Owner("api")
FILE = Owner("files", "a.yaml")
RECORDER = Path(__file__).with_name("recorder.py")


def rule(name: str, subset: str = "v1", owner: Owner = API) -> Write:
    text = f"""\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}}}
spec: {{hosts: [{name}], http: [{{route: [{{destination: {{host: {name}, subset: {subset}}}}}]}}]}}
"""
    parsed = load(text, "").parsed[0]
    assert parsed.object is not None
    return Write(parsed.object.ref, parsed.object, owner)


def removed(name: str) -> Write:
    return Write(ref(name), None, API)


def ref(name: str) -> ObjectRef:
    return ObjectRef("VirtualService", "default", name)


def subsets(entries) -> dict[str, str]:
    return {e.ref.name: e.document["spec"]["http"][0]["route"][0]["destination"]["subset"] for e in entries}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
async def history(path: Path):
    history = await SqliteHistory.open(path, now=lambda: 1000.0)
    yield history
    await history.close()


async def test_a_recorded_change_is_found_again_by_the_next_process(path):
    first = await SqliteHistory.open(path, now=lambda: 1000.0)
    made = await first.record([rule("reviews"), rule("ratings", owner=FILE)], "ann", "first")
    await first.close()
    second = await SqliteHistory.open(path)
    assert await second.head() == made
    assert (made.number, made.time, made.author, made.message) == (1, 1000.0, "ann", "first")
    assert dict(made.changes) == {ref("reviews"): Action.ADDED, ref("ratings"): Action.ADDED}
    ratings, reviews = await second.state()
    assert (ratings.owner, reviews.owner) == (FILE, API)
    assert reviews.document == dump(rule("reviews").object)
    await second.close()


async def test_every_kind_of_change_is_told(history):
    await history.record([rule("a"), rule("b"), rule("c", owner=FILE)], "ann")
    made = await history.record([rule("a", "v2"), removed("b"), rule("c"), rule("d")], "bob")
    assert {r.name: action for r, action in made.changes} == {
        "a": Action.CHANGED,
        "b": Action.REMOVED,
        "c": Action.MOVED,
        "d": Action.ADDED,
    }
    revision, differences = await history.get(2)
    assert revision == made
    assert [(d.ref.name, d.action) for d in differences] == [(r.name, action) for r, action in made.changes]
    assert subsets([d.after for d in differences if d.after]) == {"a": "v2", "c": "v1", "d": "v1"}


async def test_what_changes_nothing_is_no_revision(history):
    made = await history.record([rule("a")], "ann")
    assert await history.record([rule("a"), removed("nothing")], "bob") == made
    assert await history.record([], "bob") == made
    assert await history.list() == (made,)


async def test_each_revision_can_be_reckoned_back_and_compared(history):
    await history.record([rule("a", "v1"), rule("b")], "x")
    await history.record([rule("a", "v2"), removed("b")], "x")
    await history.record([rule("a", "v3"), rule("c")], "x")
    await history.record([removed("a"), rule("b", "v9")], "x")
    assert [subsets(await history.state(number)) for number in range(5)] == [
        {},
        {"a": "v1", "b": "v1"},
        {"a": "v2"},
        {"a": "v3", "c": "v1"},
        {"b": "v9", "c": "v1"},
    ]
    assert await history.state() == await history.state(4)
    assert [(d.ref.name, d.action) for d in await history.diff(1, 3)] == [
        ("a", Action.CHANGED),
        ("b", Action.REMOVED),
        ("c", Action.ADDED),
    ]
    assert [(d.ref.name, d.action) for d in await history.diff(4, 3)] == [("a", Action.ADDED), ("b", Action.REMOVED)]
    assert await history.diff(4) == ()


async def test_revisions_are_listed_newest_first_and_in_pages(history):
    for step in range(5):
        await history.record([rule("a", f"v{step}")], "x")
    assert [r.number for r in await history.list(2)] == [5, 4]
    assert [r.number for r in await history.list(2, before=4)] == [3, 2]


async def test_complete_writes_record_what_went_away_while_nobody_looked(history):
    await history.record([rule("a"), rule("b"), rule("c")], "x")
    made = await history.record([rule("a"), rule("c", "v2")], "start", complete=True)
    assert dict(made.changes) == {ref("b"): Action.REMOVED, ref("c"): Action.CHANGED}
    assert (await history.record([rule("a"), rule("c", "v2")], "start", complete=True)).number == made.number


async def test_a_writer_that_read_an_older_revision_is_refused(history):
    await history.record([rule("a")], "x", expected=0)
    with pytest.raises(Conflict, match="newest revision is 1, not 0"):
        await history.record([rule("a", "v2")], "x", expected=0)
    assert subsets(await history.state()) == {"a": "v1"}


@pytest.mark.parametrize("number", [-1, 0, 2, 99])
async def test_a_revision_that_is_not_kept_is_not_found(path, number):
    history = await SqliteHistory.open(path, Retention(2))
    for step in range(5):
        await history.record([rule("a", f"v{step}")], "x")
    for question in (history.get, history.state, history.diff):
        if number == 0 and question == history.get:
            continue
        with pytest.raises(NotFound, match="kept are 4 to 5"):
            await question(number)
    await history.close()


async def test_retention_drops_old_revisions_and_documents_that_nothing_names(path):
    history = await SqliteHistory.open(path, Retention(3))
    await history.record([rule("steady")], "x")
    for step in range(10):
        await history.record([rule("a", f"v{step}")], "x")
    assert [r.number for r in await history.list()] == [11, 10, 9]
    assert subsets(await history.state(9)) == {"a": "v7", "steady": "v1"}
    await history.close()
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM blob").fetchone() == (5,)  # steady, v6 (before v7) to v9
    database.close()


async def test_retention_by_age_keeps_the_newest(path):
    now = 0.0
    history = await SqliteHistory.open(path, Retention(100, seconds=10.0), now=lambda: now)
    await history.record([rule("a", "v0")], "x")
    now = 5.0
    await history.record([rule("a", "v1")], "x")
    now = 12.0
    await history.record([rule("a", "v2")], "x")
    assert [r.number for r in await history.list()] == [3, 2]
    now = 100.0
    await history.record([rule("a", "v3")], "x")
    assert [r.number for r in await history.list()] == [4]
    await history.close()


async def test_the_disk_is_asked_before_anything_is_acknowledged(history):
    database = history._database
    assert await history._run(lambda: database.execute("PRAGMA synchronous").fetchone()[0]) == 2  # FULL
    assert await history._run(lambda: database.execute("PRAGMA journal_mode").fetchone()[0]) == "wal"


async def test_only_its_owner_reads_the_file(history, path):
    await history.record([rule("a")], "x")
    assert {name.stat().st_mode & 0o777 for name in path.parent.iterdir()} == {0o600}


async def test_a_full_disk_refuses_the_change_and_changes_nothing(history):
    await history.record([rule("a")], "x")
    pages = await history._run(lambda: history._database.execute("PRAGMA page_count").fetchone()[0])
    await history._run(lambda: history._database.execute(f"PRAGMA max_page_count = {pages}"))
    many = [rule(f"more-{step}") for step in range(200)]
    with pytest.raises(HistoryUnavailable, match="the disk is full: free some space; nothing was changed"):
        await history.record([rule("a", "v2"), *many], "x")
    assert subsets(await history.state()) == {"a": "v1"}
    assert (await history.head()).number == 1
    await history._run(lambda: history._database.execute("PRAGMA max_page_count = 100000"))
    assert (await history.record([rule("a", "v2"), *many], "x")).number == 2


def test_a_quota_of_the_system_refuses_the_change_and_loses_none_before_it(path):
    asyncio.run(_record_once(path))
    done = subprocess.run(
        [sys.executable, RECORDER, path, "400000"], capture_output=True, text=True, timeout=60, check=True
    )
    *acknowledged, last = done.stdout.splitlines()
    assert acknowledged
    assert last.startswith(f"refused {acknowledged[-1]} 2 history {path}: the disk")
    assert asyncio.run(_numbers(path))[0] == int(acknowledged[-1])


def test_kill_9_at_any_moment_loses_no_acknowledged_change(path):
    random.seed(20240)
    for _ in range(12):
        with subprocess.Popen([sys.executable, RECORDER, path, "0"], stdout=subprocess.PIPE, text=True) as child:
            told = [child.stdout.readline() for _ in range(random.randint(1, 15))]
            child.send_signal(signal.SIGKILL)
            told += child.stdout.readlines()
        last = int([line for line in told if line.endswith("\n")][-1])
        numbers = asyncio.run(_numbers(path))
        assert numbers[0] in (last, last + 1)  # the last one may be on disk without having been told
        assert numbers == list(range(numbers[0], max(numbers[0] - 200, 0), -1))
        assert asyncio.run(_label(path, last)) == f"r{last}"


async def test_a_second_process_is_told_that_the_history_is_in_use(history, path):
    with pytest.raises(HistoryUnavailable, match="another process uses it: is a second pidalio running here"):
        await SqliteHistory.open(path, wait=0.0)
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('select * from live')",
        str(path),
        stderr=subprocess.PIPE,
    )
    _, complaint = await child.communicate()
    assert b"database is locked" in complaint
    await history.record([rule("a")], "x")


def _garbage(path: Path) -> None:
    path.write_bytes(b"not a database at all" * 1000)


def _other_program(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE other (x)")
    database.close()


def _newer_layout(path: Path) -> None:
    asyncio.run(_record_once(path))
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()


def _damaged(path: Path) -> None:
    asyncio.run(_record_once(path))
    content = bytearray(path.read_bytes())
    for start in range(4096, len(content), 4096):
        content[start : start + 64] = b"\xff" * 64
    path.write_bytes(content)


def _folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        pytest.param(_garbage, "it is no history: move it away or name another file", id="garbage"),
        pytest.param(_other_program, "it is no history: move it away or name another file", id="another program's"),
        pytest.param(_newer_layout, "layout 99 is of another pidalio: use that, or move it away", id="newer"),
        pytest.param(
            _damaged, "it is damaged: move it away, and a new one begins with what the files say", id="damaged"
        ),
        pytest.param(_folder, "it cannot be opened: check that its folder exists and may be written", id="folder"),
    ],
)
def test_a_file_that_cannot_serve_is_one_clear_line(path, spoil, line):
    spoil(path)
    with pytest.raises(HistoryUnavailable) as refused:
        asyncio.run(SqliteHistory.open(path))
    assert str(refused.value) == f"history {path}: {line}"


async def test_a_missing_folder_is_one_clear_line(tmp_path):
    with pytest.raises(HistoryUnavailable, match="No such file or directory"):
        await SqliteHistory.open(tmp_path / "missing" / "history.db")


async def test_a_closed_history_is_unavailable(path):
    history = await SqliteHistory.open(path)
    await history.close()
    await history.close()
    with pytest.raises(HistoryUnavailable, match="is closed"):
        await history.head()


async def test_a_catalogs_snapshot_can_be_recorded(history):
    catalog = Catalog()
    change = catalog.apply(load("", "").parsed)
    assert (await history.record(change.writes, "x")).number == 0
    change = catalog.replace("files", "a.yaml", [_parsed("reviews")])
    assert (await history.record(change.writes, "x")).number == 1
    assert (await history.record(catalog.snapshot(), "x", complete=True)).number == 1


def _parsed(name: str):
    text = f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{ports: [{{port: 80}}]}}\n"
    return load(text, "a.yaml").parsed[0]


async def _record_once(path: Path) -> None:
    history = await SqliteHistory.open(path)
    await history.record([rule("a")], "x")
    await history.close()


async def _numbers(path: Path) -> list[int]:
    history = await SqliteHistory.open(path)
    found = [revision.number for revision in await history.list(1000)]
    await history.close()
    return found


async def _label(path: Path, number: int) -> str:
    history = await SqliteHistory.open(path)
    (entry,) = await history.state(number)
    await history.close()
    return entry.document["metadata"]["labels"]["number"]
