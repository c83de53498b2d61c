"""What a cluster can be told, and what makes no sense: one line before anything starts."""

import pytest

from pidalio.errors import UsageError
from pidalio.platforms.installed import from_option


def test_who_reads_the_same_namespaces_elects_one_writer():
    names = [
        from_option(f"kubernetes{query}").settings.lease_name
        for query in ("", "?namespaces=a,b", "?namespaces=b,a", "?namespaces=a", "?namespaceSelector=a", "?lease=x")
    ]
    assert names[0] == "pidalio"
    assert names[1] == names[2]
    assert len(set(names)) == 5
    assert names[-1] == "x"


def test_addresses_of_a_gateway_are_listed():
    settings = from_option("kubernetes?gatewayAddresses=192.0.2.1, gw.example,192.0.2.1").settings
    assert settings.addresses == ("192.0.2.1", "gw.example")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("lease=A_b", "lease: 'A_b' is not a name"),
        ("leaseNamespace=a.b", "leaseNamespace: 'a.b' is not a namespace"),
        ("gatewayAddresses=192.0.2.1,no_name", "gatewayAddresses: 'no_name' is neither an address nor a name"),
        ("status=perhaps", "status"),
    ],
)
def test_what_makes_no_sense_is_one_line(query, said):
    with pytest.raises(UsageError, match="kubernetes") as error:
        from_option(f"kubernetes?{query}")
    assert said in str(error.value)
    assert "\n" not in str(error.value)
