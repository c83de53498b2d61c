"""What a proxy says of itself, and what the compiler makes of it."""

import msgspec
import pytest
from tests.unit.rules.world import router, sidecar

from pidalio.errors import Refused
from pidalio.model import Interception, Mode
from pidalio.server.proxies import metadata_of, proxy_of
from pidalio.xds.node import Node

TPROXY = msgspec.structs.replace(sidecar(app="web"), interception=Interception.TPROXY, outbound="")


def read(proxy, metadata):
    return proxy_of(Node(proxy.id, "", metadata=metadata))


@pytest.mark.parametrize("proxy", [sidecar(app="web"), TPROXY, router()], ids=["explicit", "redirected", "gateway"])
def test_what_is_written_is_read(proxy):
    assert read(proxy, metadata_of(proxy)) == proxy


@pytest.mark.parametrize(
    ("proxy", "mode"), [(sidecar(), Mode.EXPLICIT), (TPROXY, Mode.TRANSPARENT), (router(), Mode.GATEWAY)]
)
def test_the_mode_follows(proxy, mode):
    assert proxy.mode is mode


def test_a_proxy_of_istios_agent_is_redirected_to():
    assert read(sidecar(), {"INTERCEPTION_MODE": "REDIRECT"}).mode is Mode.TRANSPARENT
    assert read(sidecar(), {}).mode is Mode.EXPLICIT


def test_what_makes_no_sense_is_refused_in_one_line():
    with pytest.raises(Refused, match="does not make sense"):
        read(sidecar(), {"INTERCEPTION_MODE": "MAGIC"})
