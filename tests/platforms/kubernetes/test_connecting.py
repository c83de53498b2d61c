"""The way to an API server over real TLS: who we are, how that changes, and each mistake as one line."""

import base64
import json
import os
import stat
import sys
import time
from pathlib import Path

import msgspec
import pytest
from tests.platforms.kubernetes.api_server import Asked, serving

from pidalio.agent.certificates import issue
from pidalio.errors import PlatformUnavailable
from pidalio.platforms.asking import asked as ask
from pidalio.platforms.kubernetes.connecting import connection, secrets
from pidalio.platforms.kubernetes.connecting.refusing import why_refused


def written(folder: Path, server: Asked, user: dict, name: str = "config", **cluster) -> Path:
    stated = {"server": server.url, "certificate-authority": str(server.ca), **cluster}
    tree = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {k: v for k, v in stated.items() if v is not None}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
    }
    path = folder / name
    path.write_text(json.dumps(tree))
    return path


def plugin(folder: Path, body: str, name: str = "plugin") -> str:
    path = folder / name
    path.write_text(f"#!{sys.executable}\nimport json, os, sys, time\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def execs(command: str, **more) -> dict:
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": command, **more}}


def printing(status: str, version: str = "v1") -> str:
    head = f'"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/{version}"'
    return f"print(json.dumps({{{head}, 'status': {status}}}))"


async def called(way) -> str:
    """Return what the server answers, or the one line of what is wrong."""
    try:
        session = await way.session()
        async with ask(
            session,
            "GET",
            f"{way.base_url}/x",
            headers=await way.headers(),
            accepts=lambda status: status in {200, 401},
        ) as answer:
            if answer.status == 401:
                raise await way.refused(answer)
            return await answer.text()
    except PlatformUnavailable as error:
        return f"wrong: {error}"


async def once(path: Path | str, context: str = "", **more) -> str:
    """Return what comes of one call with a kubeconfig."""
    try:
        way = connection(str(path), context, environment=more.pop("environment", dict(os.environ)), **more)
    except PlatformUnavailable as error:
        return f"wrong: {error}"
    try:
        return await called(way)
    finally:
        await way.close()


@pytest.fixture
async def server(tmp_path):
    async with serving(tmp_path / "pki") as asked:
        asked.accepted = {"Bearer good"}
        yield asked


async def test_every_way_to_say_who_we_are(server, tmp_path):
    (tmp_path / "token").write_text("good\n")
    basic = "Basic " + base64.b64encode(b"me:secret").decode()
    server.accepted |= {basic}
    cert, key = Path(server.client.certificate).read_bytes(), Path(server.client.key).read_bytes()
    users = [
        {"token": "good"},
        {"tokenFile": "token"},
        {"username": "me", "password": "secret"},
        {"client-certificate": str(server.client.certificate), "client-key": str(server.client.key)},
        {
            "client-certificate-data": base64.b64encode(cert).decode(),
            "client-key-data": base64.b64encode(key).decode(),
        },
        execs(plugin(tmp_path, printing("{'token': 'good'}"))),
    ]
    for user in users:
        assert await once(written(tmp_path, server, user)) == "ok", user
    assert server.subjects[3] == server.subjects[4] != ""


async def test_a_plugin_gives_a_certificate_and_knows_the_cluster(server, tmp_path):
    body = f"""
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
assert info["spec"]["cluster"]["server"] == {server.url!r} and info["spec"]["cluster"]["config"] == {{"a": 1}}, info
assert "BEGIN CERT" in __import__("base64").b64decode(info["spec"]["cluster"]["certificate-authority-data"]).decode()
assert info["spec"]["interactive"] is False and sys.argv[1:] == ["x"] and os.environ["MINE"] == "1"
read = lambda name: open(name).read()
{printing(f"{{'clientCertificateData': read({str(server.client.certificate)!r}), 'clientKeyData': read({str(server.client.key)!r})}}", "v1beta1")}
"""
    user = execs(plugin(tmp_path, body), args=["x"], env=[{"name": "MINE", "value": "1"}], provideClusterInfo=True)
    user["exec"]["apiVersion"] = "client.authentication.k8s.io/v1beta1"
    extensions = [{"name": "client.authentication.k8s.io/exec", "extension": {"a": 1}}]
    assert await once(written(tmp_path, server, user, extensions=extensions)) == "ok"


async def test_what_a_plugin_gave_is_used_until_it_is_refused(server, tmp_path, monkeypatch):
    count = tmp_path / "count"
    body = f"open({str(count)!r}, 'a').write('x')\n" + printing(
        "{{'token': open({!r}).read()}}".format(str(tmp_path / "now"))
    )
    (tmp_path / "now").write_text("good")
    way = connection(str(written(tmp_path, server, execs(plugin(tmp_path, body)))))
    assert [await called(way) for _ in range(3)] == ["ok"] * 3
    assert count.read_text() == "x"
    server.accepted = {"Bearer better"}
    (tmp_path / "now").write_text("better")
    assert "does not accept the token" in await called(way)
    assert "does not accept the token" in await called(way)  # came just now: it is not run again at once
    monkeypatch.setattr(secrets, "_REST", 0.0)
    assert "does not accept the token" in await called(way)
    assert await called(way) == "ok"
    assert count.read_text() == "xx"
    await way.close()


async def test_what_expires_is_fetched_again(server, tmp_path, monkeypatch):
    count = tmp_path / "count"
    body = f"open({str(count)!r}, 'a').write('x')\n" + printing(
        "{'token': 'good', 'expirationTimestamp': '2001-01-01T00:00:00Z'}"
    )
    way = connection(str(written(tmp_path, server, execs(plugin(tmp_path, body)))))
    assert [await called(way), await called(way)] == ["ok", "ok"]
    assert count.read_text() == "x"  # long over by its own clock: kept a little all the same, no storm
    monkeypatch.setattr(way._secrets, "_now", lambda: time.monotonic() + 11)
    assert await called(way) == "ok"
    assert count.read_text() == "xx"
    await way.close()


async def test_a_certificate_that_changes_is_shown_at_the_next_call(server, tmp_path, monkeypatch):
    monkeypatch.setattr(secrets, "_REST", 0.0)
    cert, key = tmp_path / "mine.crt", tmp_path / "mine.key"

    def take(made) -> None:
        cert.write_bytes(Path(made.certificate).read_bytes())
        key.write_bytes(Path(made.key).read_bytes())

    take(server.client)
    way = connection(str(written(tmp_path, server, {"client-certificate": "mine.crt", "client-key": "mine.key"})))
    assert await called(way) == "ok"
    first = await way.session()
    take(issue(tmp_path / "pki", "another", days=1))
    await way.refused()
    assert await called(way) == "ok"
    assert not first.closed  # its streams go on
    assert server.subjects == ["client", "another"]
    await way.close()
    assert first.closed


async def test_a_kubeconfig_that_was_renewed_is_read_again(server, tmp_path):
    way = connection(str(written(tmp_path, server, {"token": "old"})))
    assert "kubeconfig" in await called(way)
    written(tmp_path, server, {"token": "good"})
    assert "does not accept" in await called(way)
    assert await called(way) == "ok"
    await way.close()


async def test_in_a_pod(server, tmp_path, monkeypatch):
    host, _, port = server.url.removeprefix("https://").rpartition(":")
    environment = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port, "HOME": str(tmp_path)}
    mounted = tmp_path / "account"
    mounted.mkdir()
    assert f"no {mounted / 'token'}" in await once("", environment=environment, mounted=mounted)
    (mounted / "token").write_text("old")
    (mounted / "ca.crt").write_bytes(server.ca.read_bytes())
    server.accepted = {"Bearer old"}
    way = connection(environment=environment, mounted=mounted)
    assert await called(way) == "ok"
    (mounted / "token").write_text("good")
    server.accepted = {"Bearer good"}
    monkeypatch.setattr(way._secrets, "_now", lambda: time.monotonic() + 61)  # a minute later, without a refusal
    assert await called(way) == "ok"
    await way.close()


async def test_several_files_are_one(server, tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text(
        "contexts: [{name: here, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {token: good}}]\n"
    )
    written(tmp_path, server, {"token": "bad"}, name="b")
    assert await once("", environment={"KUBECONFIG": f"{first}:{tmp_path / 'none'}:{second}"}) == "ok"


async def test_the_name_in_the_certificate_may_be_stated(tmp_path):
    async with serving(tmp_path / "pki", "kube.example") as server:
        server.accepted = {"Bearer good"}
        wrong = await once(written(tmp_path, server, {"token": "good"}))
        assert "its certificate is not accepted" in wrong
        assert "state the name in it" in wrong
        assert await once(written(tmp_path, server, {"token": "good"}, **{"tls-server-name": "kube.example"})) == "ok"
        insecure = {"insecure-skip-tls-verify": True, "certificate-authority": None}
        assert await once(written(tmp_path, server, {"token": "good"}, **insecure)) == "ok"


async def test_a_server_that_another_authority_signed(server, tmp_path):
    other = Asked(tmp_path / "other", ("127.0.0.1",))
    said = await once(written(tmp_path, server, {"token": "good"}, **{"certificate-authority": str(other.ca)}))
    assert said.endswith("state the CA that issued it"), said
    data = base64.b64encode(b"no PEM").decode()
    said = await once(written(tmp_path, server, {"token": "good"}, **{"certificate-authority-data": data}))
    assert "certificate-authority-data holds no certificate in PEM" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("a: 1\n  b: 2\n", "config:2: "),
        ("clusters: {}\n", "Expected `array | null`, got `object` - at `$.clusters`"),
        ("contexts: [{name: a, context: {}}, {name: b, context: {}}]\n", "no current-context: state one of a, b"),
        ("current-context: c\ncontexts: [{name: a, context: {}}]\n", "no context 'c': there are a"),
        ("current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\n", "no cluster 'c': there are none"),
        (
            "current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\nclusters: [{name: c, cluster: {}}]\n",
            "cluster c: server is missing: write https://HOST:PORT",
        ),
        (
            (
                "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n"
                "clusters: [{name: c, cluster: {server: 'https://h'}}]\n"
                "users: [{name: u, user: {auth-provider: {name: gcp}}}]\n"
            ),
            "auth-provider was removed",
        ),
        (
            (
                "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n"
                "clusters: [{name: c, cluster: {server: 'https://h', proxy-url: 'socks5://p:1'}}]\n"
                "users: [{name: u, user: {token: t}}]\n"
            ),
            "only http:// and https:// are supported",
        ),
        (
            (
                "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n"
                "clusters: [{name: c, cluster: {server: 'https://h'}}]\n"
                "users: [{name: u, user: {client-certificate: x}}]\n"
            ),
            "client-certificate and client-key go together",
        ),
        (
            (
                "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n"
                "clusters: [{name: c, cluster: {server: 'https://h'}}]\n"
                "users: [{name: u, user: {tokenFile: gone}}]\n"
            ),
            "gone cannot be read: No such file or directory",
        ),
    ],
)
async def test_mistakes_in_a_kubeconfig(tmp_path, text, said):
    path = tmp_path / "config"
    path.write_text(text)
    told = await once(path)
    assert said in told
    assert str(path) in told
    assert "\n" not in told


async def test_no_kubeconfig(tmp_path):
    assert (
        await once(tmp_path / "gone") == f"wrong: kubeconfig {tmp_path}/gone cannot be read: No such file or directory"
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sys.stderr.write('please\\nlog in'); sys.exit(3)", "ended with 3: please log in"),
        ("print('hello')", "printed no ExecCredential: JSON is malformed"),
        ("pass", "printed no ExecCredential: it printed nothing"),
        (printing("{}"), "gave neither a token nor a certificate"),
        (printing("{'clientCertificateData': 'x'}"), "a certificate without its key"),
        (printing("{'token': 't'}", "v1beta1"), "not an ExecCredential of client.authentication.k8s.io/v1"),
        (printing("{'token': 5}"), "Expected `str`, got `int` - at `$.status.token`"),
    ],
)
async def test_mistakes_of_plugins(server, tmp_path, body, said):
    told = await once(written(tmp_path, server, execs(plugin(tmp_path, body))))
    assert said in told
    assert "credential plugin" in told
    assert "\n" not in told
    assert not server.headers


async def test_a_plugin_that_is_not_there(server, tmp_path):
    user = execs("no-such-plugin", installHint="get it at\nexample.com")
    assert await once(written(tmp_path, server, user)) == (
        r"wrong: credential plugin no-such-plugin: not found: get it at\nexample.com"
    )
    user = execs("x", interactiveMode="Always")
    assert "needs a terminal" in await once(written(tmp_path, server, user))
    user["exec"] |= {"interactiveMode": "Never", "apiVersion": "client.authentication.k8s.io/v1alpha1"}
    assert "v1alpha1' is not known" in await once(written(tmp_path, server, user))


async def test_a_plugin_that_hangs_is_ended_with_what_it_started(server, tmp_path):
    mark = tmp_path / "pid"
    body = f"""
child = os.fork()
if child == 0:
    open({str(mark)!r}, "w").write(str(os.getpid()))
time.sleep(600)
"""
    told = await once(written(tmp_path, server, execs(plugin(tmp_path, body))), patience=2.0)
    assert told.endswith("did not end within 2 s and was ended")
    stat_of = Path(f"/proc/{mark.read_text()}/stat")
    assert not stat_of.exists() or stat_of.read_text().split()[2] == "Z"


def token(**claims) -> str:
    parts = [{"alg": "none"}, claims, {}]
    return ".".join(base64.urlsafe_b64encode(msgspec.json.encode(one)).decode().rstrip("=") for one in parts)


async def test_a_token_that_is_over_and_clocks_that_differ(server, tmp_path):
    now = time.time()
    over = token(exp=now - 3600)
    told = await once(written(tmp_path, server, {"token": over}))
    assert "the token expired 20" in told
    assert told.endswith("Z: renew it")
    assert over not in told
    server.answered = {"Date": "Thu, 01 Jan 2015 00:00:00 GMT"}
    told = await once(written(tmp_path, server, {"token": token(nbf=now - 60)}))
    assert "the server's clock says 2015-01-01 00:00:00Z: set the clocks" in told
    assert "ahead of the server's" in told
    assert "wants to know who we are" in await once(written(tmp_path, server, {}))


async def test_an_authority_that_is_replaced_is_read_again(server, tmp_path):
    other, ca = Asked(tmp_path / "other", ("127.0.0.1",)), tmp_path / "ca.crt"
    ca.write_bytes(other.ca.read_bytes())
    way = connection(str(written(tmp_path, server, {"token": "good"}, **{"certificate-authority": "ca.crt"})))
    assert "its certificate is not accepted" in await called(way)
    (tmp_path / "new").write_bytes(server.ca.read_bytes())
    (tmp_path / "new").replace(ca)
    assert await called(way) == "ok"
    await way.close()


def test_a_client_certificate_that_is_over(tmp_path):
    made = Asked(tmp_path / "pki", ("127.0.0.1",)).client
    shown = secrets.Secret(certificate=Path(made.certificate).read_bytes())
    why = why_refused("here", shown, {}, time.time() + 2 * 86400)
    assert why.startswith("here: the client certificate expired 20")
    assert "does not accept the client certificate" in why_refused("here", shown, {}, time.time())


async def test_through_a_proxy(server, tmp_path, unused_tcp_port):
    path = written(tmp_path, server, {"token": "good"}, **{"proxy-url": f"http://127.0.0.1:{unused_tcp_port}"})
    assert f"127.0.0.1:{unused_tcp_port}" in await once(path)


async def test_nobody_there(tmp_path, unused_tcp_port):
    server = Asked(tmp_path / "pki", ("127.0.0.1",))
    server.url = f"https://127.0.0.1:{unused_tcp_port}"
    told = await once(written(tmp_path, server, {"token": "good"}))
    assert told.startswith(f"wrong: 127.0.0.1:{unused_tcp_port}: Cannot connect")
