"""Who talks before being talked to: instances of v31, never a service at an address that a test drew for itself."""

import pytest
from tests.traffic.fleet import address, speaks_first


@pytest.mark.parametrize(
    ("found", "speaks"),
    [
        (address("greeter", "v31"), True),
        (address("greeter", "v30"), False),
        ("127.100.31.1", False),
        ("127.250.223.254", False),
    ],
)
def test_only_instances_of_v31_speak_first(found, speaks):
    assert speaks_first(found) is speaks
