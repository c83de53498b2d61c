"""A real Consul that asks for tokens: what a token does not show is not gone, and one line says so."""

import pytest
from tests.platforms.consul.catalog import NODE, Catalog
from tests.platforms.consul.following import Following
from tests.platforms.servers.authority import Authority
from tests.platforms.servers.consul import ConsulAgent

pytestmark = pytest.mark.platform("consul")

NODES = 'node_prefix "" { policy = "read" }'
EVERYTHING = f'service_prefix "" {{ policy = "read" }} {NODES}'
NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
async def server(tmp_path):
    async with ConsulAgent(tmp_path, acl=True) as server:
        catalog = Catalog(server)
        await catalog.put("web", "w1", "10.0.0.1")
        await catalog.put("web", "w2", "10.0.0.2")
        await catalog.put("api", "a1", "10.0.1.1")
        yield server


async def rules(server: ConsulAgent, name: str, text: str) -> None:
    """Change what the holders of a policy may do."""
    (policy,) = [one for one in await server.call("GET", "/v1/acl/policies") if one["Name"] == name]
    await server.call("PUT", f"/v1/acl/policy/{policy['ID']}", {"Name": name, "Rules": text})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param('service "other" { policy = "read" }', "the token sees nothing: give it", id="nothing at all"),
        pytest.param('service_prefix "" { policy = "read" }', "but none of their instances; give it", id="no nodes"),
        pytest.param(None, "the token sees nothing: Consul shows nothing to callers without one", id="no token"),
        pytest.param("", "Consul refuses the token (403: ", id="wrong token"),
    ],
)
async def test_a_token_that_cannot_be_used_is_one_line(tmp_path, server, text, said):
    token = {None: "", "": NOBODY}[text] if not text else await server.token("test", text)
    async with Following(tmp_path, server.url, token=token) as mesh:
        await mesh.until(lambda: mesh.codes() == ["platform-not-read"])
        (told,) = mesh.told()
        assert said in told.message
        assert "\n" not in told.message
        assert mesh.state() == "starting"


async def test_a_token_that_loses_its_rights_takes_nothing_away(tmp_path, server):
    token = await server.token("test", EVERYTHING)
    async with Following(tmp_path, server.url, token=token) as mesh:
        await mesh.until(lambda: mesh.state() == "synced")
        await rules(server, "test", 'service "other" { policy = "read" }')
        await Catalog(server).put("new", "n1", "10.0.2.1")  # something to see, for others
        await mesh.until(lambda: mesh.state() == "stale")
        assert mesh.codes() == ["platform-stale"] or mesh.codes() == ["platform-stale", "consul-hidden"]
        assert mesh.addresses("web") == ["10.0.0.1", "10.0.0.2"]
        await rules(server, "test", EVERYTHING)
        await mesh.until(lambda: mesh.state() == "synced" and mesh.addresses("new") == ["10.0.2.1"])
        assert mesh.codes() == []


async def test_a_service_that_becomes_hidden_stays_and_one_that_goes_is_gone(tmp_path, server):
    token = await server.token("test", EVERYTHING)
    async with Following(tmp_path, server.url, token=token) as mesh:
        await mesh.until(lambda: mesh.state() == "synced")
        await rules(server, "test", f'service_prefix "w" {{ policy = "read" }} {NODES}')
        await Catalog(server).put("web", "w3", "10.0.0.3")
        await mesh.until(lambda: mesh.codes() == ["consul-hidden"])
        (told,) = mesh.told()
        assert "the token may not read all of api: what was known of them stays" in told.message
        await Catalog(server).drop("w1")
        await mesh.until(lambda: mesh.addresses("web") == ["10.0.0.2", "10.0.0.3"])
        assert mesh.addresses("api") == ["10.0.1.1"]


async def test_what_became_hidden_while_nobody_followed_stays(tmp_path, server):
    await Catalog(server, "other").put("web", "w9", "10.0.0.9")
    async with Following(tmp_path, server.url, token=await server.token("all", EVERYTHING)) as mesh:
        await mesh.until(lambda: mesh.state() == "synced")
    await Catalog(server).drop("w1")
    hiding = f'service_prefix "w" {{ policy = "read" }} {NODES} node "other" {{ policy = "deny" }}'
    async with Following(tmp_path, server.url, token=await server.token("less", hiding)) as mesh:
        await mesh.until(lambda: mesh.state() == "synced" and mesh.addresses("web") == ["10.0.0.2", "10.0.0.9"])
        assert mesh.addresses("api") == ["10.0.1.1"]
        assert mesh.codes() == ["consul-hidden"]
    async with Following(tmp_path, server.url) as mesh:
        await mesh.until(lambda: mesh.state() == "stale")
        assert "the token sees nothing" in mesh.told()[0].message
        assert mesh.addresses("web") == ["10.0.0.2", "10.0.0.9"]
        assert mesh.addresses("api") == ["10.0.1.1"]


async def test_instances_on_nodes_that_become_hidden_stay(tmp_path, server):
    await Catalog(server, "other").put("web", "w9", "10.0.0.9")
    token = await server.token("test", EVERYTHING)
    async with Following(tmp_path, server.url, token=token) as mesh:
        await mesh.until(lambda: len(mesh.addresses("web")) == 3)
        hiding = f'{EVERYTHING} node "other" {{ policy = "deny" }}'
        await rules(server, "test", hiding)
        await Catalog(server).put("web", "w3", "10.0.0.3")
        await mesh.until(lambda: "10.0.0.3" in mesh.addresses("web"))
        assert mesh.addresses("web") == ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.9"]
        assert mesh.codes() == ["consul-hidden"]


async def test_a_token_that_sees_a_part_only_follows_that_part(tmp_path, server):
    token = await server.token("test", f'service_prefix "w" {{ policy = "read" }} node "{NODE}" {{ policy = "read" }}')
    async with Following(tmp_path, server.url, token=token) as mesh:
        await mesh.until(lambda: mesh.state() == "synced")
        assert mesh.codes() == []
        await Catalog(server).drop("w1")
        await Catalog(server).drop("w2")
        await mesh.until(lambda: mesh.service("web") is None)  # there is nothing left that it may see, and may it is


async def test_a_token_that_is_replaced_in_its_file_is_read_again(tmp_path, server):
    file = tmp_path / "token"
    file.write_text(await server.token("test", EVERYTHING))
    async with Following(tmp_path, server.url, token_file=str(file), wait_seconds=1) as mesh:
        await mesh.until(lambda: mesh.state() == "synced")
        former = file.read_text()
        file.write_text(await server.token("next", EVERYTHING) + "\n")
        (spent,) = [
            one["AccessorID"] for one in await server.call("GET", "/v1/acl/tokens") if one.get("SecretID") == former
        ]
        await server.call("DELETE", f"/v1/acl/token/{spent}")
        await Catalog(server).put("web", "w3", "10.0.0.3")
        await mesh.until(lambda: "10.0.0.3" in mesh.addresses("web"))
        assert mesh.state() == "synced"


async def test_callers_with_a_certificate_and_nobody_else(tmp_path):
    authority = Authority(tmp_path / "pki")
    cert, key = map(str, authority.client("pidalio"))
    stranger = Authority(tmp_path / "others")
    ca = str(authority.certificate)
    async with ConsulAgent(tmp_path, authority=authority) as server:
        await Catalog(server).put("web", "w1", "10.0.0.1")
        async with Following(tmp_path, server.secure_url, ca=ca, cert=cert, key=key) as mesh:
            await mesh.until(lambda: mesh.state() == "synced")
            assert mesh.addresses("web") == ["10.0.0.1"]
        for number, files in enumerate(({"ca": ca}, {"ca": str(stranger.certificate), "cert": cert, "key": key})):
            (folder := tmp_path / str(number)).mkdir()
            async with Following(folder, server.secure_url, **files) as mesh:
                await mesh.until(lambda mesh=mesh: mesh.codes() == ["platform-not-read"])
                (told,) = mesh.told()
                assert "certificate" in told.message
                assert "\n" not in told.message
