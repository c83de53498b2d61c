"""`grpc-bootstrap`: a file from which gRPC's own client knows who it is and whom to ask."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from pidalio.cli import main
from pidalio.model import Delivery, Locality
from pidalio.server.proxies import proxy_of
from pidalio.xds import Node


def printed(*arguments: str) -> dict:
    result = CliRunner().invoke(main, ["grpc-bootstrap", *arguments])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_who_it_is_and_where_its_control_plane_is() -> None:
    found = printed("shop/web-0", "--labels", "app=web,version=v1", "--locality", "eu/west", "--server", "unix:/x/xds")
    (server,) = found["xds_servers"]
    assert server == {
        "server_uri": "unix:/x/xds",
        "channel_creds": [{"type": "insecure"}],
        "server_features": ["xds_v3"],
    }
    node = found["node"]
    assert node["id"] == "sidecar~127.0.0.1~web-0.shop~shop.svc.cluster.local"
    assert node["locality"] == {"region": "eu", "zone": "west"}
    proxy = proxy_of(Node(node["id"], metadata=node["metadata"], locality=Locality("eu", "west")))
    assert (proxy.delivery, proxy.labels) == (Delivery.GRPC, (("app", "web"), ("version", "v1")))
    assert proxy.locality == Locality("eu", "west")


def test_certificates_are_named_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = ("--tls-cert", "a.crt", "--tls-key", "a.key", "--tls-ca", "ca.crt")
    (server,) = printed("web-0", "--server", "127.0.0.1:15010", *files)["xds_servers"]
    assert server["channel_creds"] == [
        {
            "type": "tls",
            "config": {
                "certificate_file": str(tmp_path / "a.crt"),
                "private_key_file": str(tmp_path / "a.key"),
                "ca_certificate_file": str(tmp_path / "ca.crt"),
            },
        }
    ]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("web-0", "--server", "192.0.2.1:15010"), "say --tls-cert"),
        (("web-0", "--server", "127.0.0.1:1", "--tls-cert", "a"), "go together"),
        (("web-0", "--labels", "app", "--server", "unix:/x"), "key=value"),
        (("web-0",), "no mesh runs"),
    ],
)
def test_what_is_missing_is_one_line(arguments, reason, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["grpc-bootstrap", *arguments])
    assert result.exit_code in (1, 2)
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert reason in result.stderr
