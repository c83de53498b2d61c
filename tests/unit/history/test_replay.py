import pytest

from pidalio.api.load import load
from pidalio.history import Difference, Entry, SqliteHistory, replay, restoration
from pidalio.history.documents import decode, encode, is_redacted
from pidalio.model import ObjectRef
from pidalio.store.catalog import Catalog
from pidalio.store.change import Owner

API = Owner("api")
FILE = Owner("files", "a.yaml")
SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {
        "name": "key",
        "namespace": "default",
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "hunter2"},
    },
    "data": {"password": "aHVudGVyMg==", "odd": "hunter2!"},
    "stringData": {"token": "hunter2"},
    "type": "Opaque",
}


def service(name: str, port: int = 80) -> str:
    return f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{ports: [{{port: {port}}}]}}\n"


def ports(catalog: Catalog) -> dict[str, int]:
    return {item.meta.name: item.spec.ports[0].port for item in catalog.objects()}


def restore(catalog: Catalog, found) -> None:
    assert not catalog.apply(found.applied).is_refused
    assert not catalog.delete(found.deleted).is_refused


async def test_the_next_process_goes_on_with_what_was_applied(tmp_path):
    history = await SqliteHistory.open(tmp_path / "h")
    before = Catalog()
    before.apply(load(service("a"), "").parsed)
    before.replace_all("files", {"b.yaml": load(service("b"), "b.yaml")})
    await history.record(before.snapshot(), "x")
    found = replay(await history.state())
    after = Catalog()
    after.remember(found.remembered)
    after.apply(found.applied)
    assert found.reports == ()
    assert ports(after) == {"a": 80}
    after.replace_all("files", {"b.yaml": load(service("b").replace("port: 80", "port: eighty"), "b.yaml")})
    assert after.snapshot() == before.snapshot()
    await history.close()


async def test_a_restored_revision_is_live_again(tmp_path):
    history = await SqliteHistory.open(tmp_path / "h")
    catalog = Catalog()
    await history.record(catalog.apply(load(service("a") + "---\n" + service("b"), "").parsed).writes, "x")
    await history.record(catalog.apply(load(service("a", 81) + "---\n" + service("c"), "").parsed).writes, "x")
    await history.record(catalog.delete([ObjectRef("Service", "default", "b")]).writes, "x")
    assert ports(catalog) == {"a": 81, "c": 80}
    restore(catalog, restoration(await history.diff(1)))
    assert ports(catalog) == {"a": 80, "b": 80}
    await history.close()


def entry(name: str, owner: Owner, port: int = 80) -> Entry:
    found = load(service(name, port), "").parsed[0].object
    assert found is not None
    document = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"}}
    return Entry(found.ref, owner, {**document, "spec": {"ports": [{"port": port}]}})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(entry("a", FILE), entry("a", FILE, 81), id="changed in a file"),
        pytest.param(None, entry("a", FILE), id="added in a file"),
        pytest.param(entry("a", FILE), None, id="removed from a file"),
        pytest.param(entry("a", API), entry("a", FILE), id="moved to a file"),
    ],
)
def test_a_restoration_leaves_files_to_their_owner_and_says_so(before, after):
    found = restoration([Difference(ObjectRef("Service", "default", "a"), before, after)])
    assert (found.applied, found.deleted) == ((), ())
    assert [report.code for report in found.reports] == ["owned-elsewhere"]
    assert "a.yaml" in found.reports[0].message


def test_contents_of_secrets_leave_only_salted_fingerprints():
    document = encode(SECRET, b"salt")
    assert b"hunter2" not in document.body
    assert b"aHVudGVyMg" not in document.body
    tree = decode(document.body)
    assert is_redacted(tree)
    assert set(tree["fingerprints"]) == {"password", "odd", "token"}
    assert tree["fingerprints"]["password"] == tree["fingerprints"]["token"]
    assert encode(SECRET, b"other").hash != document.hash
    changed = {**SECRET, "stringData": {"token": "hunter3"}}
    assert encode(changed, b"salt").hash != document.hash


def test_a_secret_cannot_be_replayed():
    secret = Entry(ObjectRef("Secret", "default", "key"), API, decode(encode(SECRET, b"salt").body))
    found = replay([secret])
    assert (found.remembered, found.applied) == ((), ())
    assert [report.code for report in found.reports] == ["secret-not-kept"]


def test_an_object_that_is_no_longer_accepted_is_reported():
    bad = entry("a", API)
    bad.document["apiVersion"] = "v9"
    found = replay([bad])
    assert found.applied == ()
    assert [report.code for report in found.reports] == ["unknown-version"]


def sticky(*versions: str) -> str:
    to = ", ".join(f"{{destination: {{host: a, subset: {one}}}, weight: 1}}" for one in versions)
    return (
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\n"
        f"spec: {{hosts: [a], http: [{{sticky: {{header: user}}, route: [{to}]}}]}}\n"
    )


STICKY_HISTORY = (("a", "b"), ("b", "c"), ("c", "a"))


@pytest.mark.parametrize("is_file", [True, False])
async def test_users_stay_where_they_are_when_the_process_starts_again(tmp_path, is_file):
    history = await SqliteHistory.open(tmp_path / "h")
    before, after, fresh = Catalog(), Catalog(), Catalog()

    def say(catalog: Catalog, *versions: str):
        loaded = load(sticky(*versions), "a.yaml")
        return catalog.replace_all("files", {"a.yaml": loaded}) if is_file else catalog.apply(loaded.parsed)

    for versions in STICKY_HISTORY:
        await history.record(say(before, *versions).writes, "x")
    found = replay(await history.state())
    after.remember(found.remembered)
    after.apply(found.applied)
    say(after, *STICKY_HISTORY[-1])
    after.forget()
    say(fresh, *STICKY_HISTORY[-1])
    assert after.snapshot() == before.snapshot()
    assert after.snapshot() != fresh.snapshot()
    assert (await history.record(after.snapshot(), "x", complete=True)).number == len(STICKY_HISTORY)
    await history.close()


async def test_a_restored_revision_has_its_users_back(tmp_path):
    history = await SqliteHistory.open(tmp_path / "h")
    catalog = Catalog()
    for versions in STICKY_HISTORY:
        await history.record(catalog.apply(load(sticky(*versions), "").parsed).writes, "x")
    for number in (2, 1):
        wanted = (await history.state(number))[0].document["status"]
        change = catalog.apply(restoration(await history.diff(number)).applied)
        await history.record(change.writes, "x")
        assert (await history.state())[0].document["status"] == wanted
    await history.close()
