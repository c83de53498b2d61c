"""What a request on the wire says."""

import pytest

from pidalio.envoy import messages
from pidalio.errors import InvalidInput
from pidalio.xds.wire import parse_delta, parse_state

KIND = "type.googleapis.com/envoy.config.cluster.v3.Cluster"


def request(error: str | None = None):
    message = messages.DeltaDiscoveryRequest(type_url=KIND, response_nonce="7")
    if error is not None:
        message.error_detail.message = error
    return parse_delta(message.SerializeToString())


def test_an_acknowledgement_has_no_error():
    assert request().error is None


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("", ""),
        ("bad regex", "bad regex"),
        ("cannot bind '127.0.0.1:80': Address already in use\n", "cannot bind '127.0.0.1:80': Address already in use"),
        ("one:\n  first\n  second", "one: first second"),
    ],
)
def test_what_envoy_says_of_a_refusal_is_one_line(said, shown):
    assert request(said).error == shown


@pytest.mark.parametrize("parse", [parse_delta, parse_state])
@pytest.mark.parametrize("data", [b"\xff", messages.DeltaDiscoveryRequest(response_nonce="7").SerializeToString()])
def test_what_is_no_request(parse, data):
    with pytest.raises(InvalidInput):
        parse(data)
