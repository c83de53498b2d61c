"""What is stated for a Consul, what the environment says, and what makes no sense."""

import pytest

from pidalio.errors import UsageError
from pidalio.platforms.consul.pacing import MOST_FOR_ONE, Pacing
from pidalio.platforms.consul.settings import ConsulSettings
from pidalio.platforms.installed import from_option

ENVIRONMENT = {
    "CONSUL_HTTP_ADDR": "consul.example.org:8501",
    "CONSUL_HTTP_SSL": "true",
    "CONSUL_HTTP_TOKEN": "secret",
    "CONSUL_CACERT": "/ca.pem",
}


def test_the_environment_says_what_is_not_stated():
    found = ConsulSettings().completed(ENVIRONMENT)
    assert (found.address, found.token, found.ca) == ("https://consul.example.org:8501", "secret", "/ca.pem")


def test_what_is_stated_counts():
    found = ConsulSettings(address="http://10.0.0.1:8500/", token_file="/token").completed(ENVIRONMENT)
    assert (found.address, found.token, found.token_file) == ("http://10.0.0.1:8500", "", "/token")


def test_a_token_of_the_environment_comes_before_its_file():
    found = ConsulSettings().completed({"CONSUL_HTTP_TOKEN": "a", "CONSUL_HTTP_TOKEN_FILE": "/b"})
    assert (found.token, found.token_file) == ("a", "")


def test_nothing_stated_is_the_agent_of_this_machine():
    assert ConsulSettings().completed({}).address == "http://127.0.0.1:8500"


def test_an_option_fills_the_settings():
    found = from_option("consul=http://10.0.0.1:8500?datacenters=dc1, dc2&port=80&protocol=http&stale=true&name=east")
    assert found.name == "east"
    assert found.settings.all_datacenters() == ("dc1", "dc2")
    assert (found.settings.port, found.settings.stale) == (80, True)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("consul=ftp://10.0.0.1", "is not a URL"),
        ("consul=http://:8500", "is not a URL"),
        ("consul=http://10.0.0.1:99999", "is not a URL"),
        ("consul?port=99999", "port: 99999 is not a port"),
        ("consul?protocol=htttp", "protocol: 'htttp' is none"),
        ("consul?connections=3", "connections: 3 are too few: at least 9"),
        ("consul?datacenters=a,b&connections=10", "connections: 10 are too few: at least 18"),
        ("consul?pollSeconds=0", "pollSeconds: at least 0.1 seconds"),
        ("consul?hostname={name}.{zone}", "has no part {zone}"),
        ("consul?hostname={name", "has a brace that stands alone: write parts as {name}"),
        ("consul?token=a&tokenFile=b", "exclude each other"),
        ("consul?services=web", "services"),
    ],
)
def test_what_makes_no_sense_is_one_line_at_start(option, said):
    with pytest.raises(UsageError) as told:
        from_option(option)
    assert said in str(told.value)
    assert "\n" not in str(told.value)


def test_wake_ups_without_a_change_are_asked_for_ever_less_often():
    pacing = Pacing(MOST_FOR_ONE)
    waits = [pacing.after(moved=True, changed=False) for _ in range(9)]
    assert waits[:2] == [0, 0]
    assert waits[2:] == sorted(waits[2:])
    assert waits[-1] == MOST_FOR_ONE
    assert pacing.after(moved=True, changed=True) < waits[2]
    assert pacing.after(moved=True, changed=False) == 0  # it begins anew
    assert pacing.after(moved=False, changed=False) == 0  # the time to wait was over
