import pytest

from pidalio.rules.stat_names import stat_name


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("", ""),
        ("%SERVICE%", "web.default"),
        ("%SERVICE_NAME%_%SERVICE_PORT%", "web_80"),
        ("%SERVICE_FQDN%:%SERVICE_PORT_NAME%", "web.default.svc.cluster.local:http"),
        ("in-%TARGET_PORT%-%SUBSET_NAME%", "in-8080-v1"),
    ],
)
def test_variables(pattern, name):
    host = "web.default.svc.cluster.local"
    assert stat_name(pattern, host=host, port=80, port_name="http", target=8080, subset="v1") == name


def test_hosts_of_no_platform_stay_whole():
    assert stat_name("%SERVICE%", host="api.example.com", port=80) == "api.example.com"
