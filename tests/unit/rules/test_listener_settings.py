"""What the mesh and its proxies say of all listeners (reference §1.9), and that only listeners that differ are touched."""

import pytest
from tests.unit.rules.world import document, mesh, mesh_config, plans, router, sidecar

from pidalio.ir import (
    AccessLogPlan,
    ClientCert,
    Direction,
    EscapedSlashes,
    HttpSettings,
    Inspector,
    ListenerPlan,
    PathSettings,
    Underscores,
)
from pidalio.rules.log_format import DEFAULT_TEXT, default_fields

_WORLD = (
    document("Service", "web", "{selector: {app: web}, ports: [{port: 80, name: http}]}"),
    document(
        "Gateway",
        "edge",
        "{selector: {istio: ingress}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}",
    ),
)


def opened(written: str = "") -> dict[Direction, ListenerPlan]:
    """Return a listener of each direction."""
    found = mesh(*_WORLD, *((mesh_config(written),) if written else ()))
    each = (*plans(found, sidecar(app="web")).listeners, *plans(found, router()).listeners)
    return {one.direction: one for one in each}


def https(written: str = "") -> dict[Direction, HttpSettings]:
    return {direction: one.settings.http for direction, one in opened(written).items()}


def test_without_settings_all_is_as_istio_has_it():
    found = https()
    assert {direction: one.path for direction, one in found.items()} == dict.fromkeys(Direction, PathSettings())
    assert found[Direction.OUTBOUND] == HttpSettings(trusted_hops=1)
    assert (found[Direction.INBOUND].client_cert, found[Direction.INBOUND].client_cert_details) == (
        ClientCert.APPEND_FORWARD,
        ("subject", "dns", "uri"),
    )
    assert (found[Direction.GATEWAY].client_cert, found[Direction.GATEWAY].client_cert_details) == (
        ClientCert.SANITIZE_SET,
        ("subject", "cert", "dns", "uri"),
    )


@pytest.mark.parametrize("value", [one.value for one in ClientCert])
@pytest.mark.parametrize(
    ("direction", "written"),
    [
        (Direction.GATEWAY, "{gatewayTopology: {forwardClientCertDetails: %s}}"),
        (Direction.INBOUND, "{proxyHeaders: {forwardedClientCert: %s}}"),
    ],
    ids=lambda one: one.value if isinstance(one, Direction) else "",
)
def test_what_becomes_of_callers_certificates(direction, written, value):
    before, found = https(), https(f"{{defaultConfig: {written % value}}}")
    assert found.pop(direction).client_cert is ClientCert(value)
    assert found == {other: settings for other, settings in before.items() if other is not direction}


@pytest.mark.parametrize("part", ["subject", "cert", "chain", "dns", "uri"])
def test_what_is_told_of_callers_certificates(part):
    found = https(f"{{defaultConfig: {{proxyHeaders: {{setCurrentClientCertDetails: {{{part}: true}}}}}}}}")
    assert {direction: one.client_cert_details for direction, one in found.items()} == {
        Direction.OUTBOUND: (),
        Direction.INBOUND: (part,),
        Direction.GATEWAY: (part,),
    }


@pytest.mark.parametrize(
    ("written", "settings"),
    [
        pytest.param("proxyHeaders: {server: {disabled: true}}", {"server_name": ""}, id="no server"),
        ("proxyHeaders: {server: {value: mine}}", {"server_name": "mine"}),
        ("proxyHeaders: {server: {}}", {"server_name": None}),
        ("proxyHeaders: {requestId: {disabled: true}}", {"request_ids": False}),
        ("proxyHeaders: {requestId: {}}", {"request_ids": True}),
        ("proxyHeaders: {envoyDebugHeaders: {disabled: true}}", {"debug_headers": False}),
        ("proxyHeaders: {xForwardedPort: {enabled: true}}", {"forwarded_port": True}),
        ("proxyHeaders: {preserveHttp1HeaderCase: true}", {"keeps_case": True}),
        ("connectionSettings: {httpIdleTimeout: 1s}", {"idle_timeout": 1000}),
        ("connectionSettings: {httpRequestTimeout: 1s}", {"request_timeout": 1000}),
        ("connectionSettings: {httpStreamIdleTimeout: 1s}", {"stream_idle_timeout": 1000}),
        ("connectionSettings: {httpRequestHeadersTimeout: 1s}", {"headers_timeout": 1000}),
        ("connectionSettings: {httpMaxConcurrentStreams: 9}", {"max_streams": 9}),
        ("connectionSettings: {http2InitialStreamWindowSize: 65535}", {"stream_window": 65535}),
        ("connectionSettings: {http2InitialConnectionWindowSize: 65536}", {"connection_window": 65536}),
        (
            "connectionSettings: {httpHeadersWithUnderscoresAction: REJECT_REQUEST}",
            {"underscores": Underscores.REJECT},
        ),
        (
            "connectionSettings: {profile: EDGE}",
            {
                "path": PathSettings(EscapedSlashes.REDIRECT, merge_slashes=True),
                "underscores": Underscores.REJECT,
                "idle_timeout": 3_600_000,
                "stream_idle_timeout": 300_000,
                "request_timeout": 300_000,
                "headers_timeout": 60_000,
                "max_streams": 100,
                "stream_window": 65_536,
                "connection_window": 1_048_576,
            },
        ),
        ("connectionSettings: {profile: EDGE, httpMaxConcurrentStreams: 9, httpIdleTimeout: 0s}", {"max_streams": 9}),
    ],
)
def test_headers_and_limits(written, settings):
    for one in https(f"{{defaultConfig: {{{written}}}}}").values():
        assert {name: getattr(one, name) for name in settings} == settings


@pytest.mark.parametrize(("profile", "limit"), [("SIDECAR", None), ("EDGE", 32768)])
def test_buffers(profile, limit):
    found = opened(f"{{defaultConfig: {{connectionSettings: {{profile: {profile}}}}}}}")
    assert {one.settings.buffer_limit for one in found.values()} == {limit}
    stated = "listenerPerConnectionBufferLimitBytes: 4096"
    found = opened(f"{{defaultConfig: {{connectionSettings: {{profile: {profile}, {stated}}}}}}}")
    assert {one.settings.buffer_limit for one in found.values()} == {4096}


def test_gateways_behind_proxies():
    found = opened("{defaultConfig: {gatewayTopology: {numTrustedProxies: 2, proxyProtocol: {}}}}")
    assert {direction: one.settings.http.trusted_hops for direction, one in found.items()} == {
        Direction.OUTBOUND: 1,
        Direction.INBOUND: 0,
        Direction.GATEWAY: 2,
    }
    assert found[Direction.GATEWAY].inspectors == (Inspector.PROXY_PROTOCOL,)
    assert not found[Direction.INBOUND].inspectors


@pytest.mark.parametrize(
    ("written", "plan"),
    [
        ("accessLogFormat: x", None),
        ("accessLogFile: /dev/stdout", AccessLogPlan("/dev/stdout", DEFAULT_TEXT)),
        ('accessLogFile: /a, accessLogFormat: "%PROTOCOL%"', AccessLogPlan("/a", "%PROTOCOL%\n")),
        ("accessLogFile: /a, accessLogEncoding: JSON", AccessLogPlan("/a", fields=default_fields())),
        (
            """accessLogFile: /a, accessLogEncoding: JSON, accessLogFormat: '{"a": "%PROTOCOL%"}'""",
            AccessLogPlan("/a", fields='{"a": "%PROTOCOL%"}'),
        ),
    ],
)
def test_the_log_that_users_ask_for(written, plan):
    assert {one.settings.access_log for one in opened(f"{{{written}}}").values()} == {plan}


def test_other_settings_touch_no_listener():
    assert opened("{dnsRefreshRate: 5s, rootNamespace: roots, defaultConfig: {concurrency: 2}}") == opened()
