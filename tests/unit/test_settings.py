"""Settings: what listens beyond loopback has mutual TLS."""

from pathlib import Path

import pytest

from pidalio.errors import UsageError
from pidalio.settings import ServerSettings, TlsPaths, is_loopback, joined_address, split_address

TLS = TlsPaths(Path("a"), Path("b"), Path("c"))


@pytest.mark.parametrize("address", ["unix:/run/x.sock", "127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1"])
def test_loopback(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "mesh.example.com:1", "localhost.evil:1"])
def test_not_loopback(address: str) -> None:
    assert not is_loopback(address)


@pytest.mark.parametrize("option", ["xds_address", "api_address"])
def test_beyond_loopback_needs_tls(option: str) -> None:
    with pytest.raises(UsageError, match=option.replace("_", "-")):
        ServerSettings(folder=Path(), **{option: "0.0.0.0:15010"}).check()
    ServerSettings(folder=Path(), tls=TLS, **{option: "0.0.0.0:15010"}).check()
    ServerSettings(folder=Path(), **{option: "127.0.0.1:15010"}).check()


@pytest.mark.parametrize("settings", [{"api_address": "unix:/x"}, {"api_address": "15010"}, {"xds_address": "host"}])
def test_addresses_that_make_no_sense(settings: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        ServerSettings(folder=Path(), **settings).check()


def test_addresses_are_taken_apart_and_joined() -> None:
    for address in ("127.0.0.1:80", "[::1]:80", "localhost:0"):
        assert joined_address(*split_address(address)) == address


def test_tls_files_go_together() -> None:
    assert TlsPaths.given(None, None, None) is None
    assert TlsPaths.given(TLS.cert, TLS.key, TLS.ca) == TLS
    with pytest.raises(UsageError, match="go together"):
        TlsPaths.given(TLS.cert, None, TLS.ca)
