import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pidalio.envoy import bootstrap, protos
from pidalio.envoy.static import static_bootstrap
from pidalio.ir import AssignmentPlan, EndpointPlan, LocalityPlan, ProcessPlan, ProxyPlans, StatsPlan
from pidalio.model import Locality

NODE_ID = "sidecar~10.0.0.7~reviews-v1-0.default~default.svc.cluster.local"


@pytest.fixture
def tls(tmp_path: Path) -> bootstrap.TlsFiles:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(days=1))
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (tmp_path / "cert.pem").write_bytes(certificate)
    (tmp_path / "key.pem").write_bytes(secret)
    return bootstrap.TlsFiles(*(str(tmp_path / name) for name in ("cert.pem", "key.pem", "cert.pem")))


def node() -> object:
    metadata = {"NAMESPACE": "default", "LABELS": {"app": "reviews"}, "PORTS": [1, 2]}
    return bootstrap.node(NODE_ID, "reviews.default", locality=Locality("r", "z"), metadata=metadata)


@pytest.mark.envoy
@pytest.mark.parametrize("address", ["unix:///run/xds.sock", "127.0.0.1:15010", "[::1]:15010", "localhost:15010"])
def test_envoy_takes_it_without_a_warning(address: str, validate, tmp_path: Path) -> None:
    admin = str(tmp_path / "admin.sock")
    assert validate(bootstrap.ads_bootstrap(node=node(), xds_address=address, admin_path=admin)) == ""


@pytest.mark.envoy
@pytest.mark.parametrize("address", ["127.0.0.1:15012", "pidalio.example:15012"])
def test_envoy_takes_mutual_tls(address: str, validate, tmp_path: Path, tls: bootstrap.TlsFiles) -> None:
    admin = str(tmp_path / "admin.sock")
    message = bootstrap.ads_bootstrap(node=node(), xds_address=address, admin_path=admin, tls=tls)
    assert validate(message) == ""
    context = protos.unpack(message.static_resources.clusters[0].transport_socket.typed_config)
    (expected,) = context.common_tls_context.validation_context.match_typed_subject_alt_names
    assert expected.matcher.exact == address.rpartition(":")[0]


def test_one_delta_stream_carries_clusters_and_listeners() -> None:
    written = protos.to_dict(bootstrap.ads_bootstrap(node=node(), xds_address="unix:///x", admin_path="/a"))
    dynamic = written["dynamic_resources"]
    assert dynamic["ads_config"]["api_type"] == "DELTA_GRPC"
    assert dynamic["ads_config"]["set_node_on_first_message_only"] is True
    assert dynamic["cds_config"] == dynamic["lds_config"]
    assert written["admin"] == {"address": {"pipe": {"path": "/a", "mode": 0o600}}}
    assert written["node"]["metadata"]["LABELS"] == {"app": "reviews"}
    assert written["node"]["locality"] == {"region": "r", "zone": "z"}


@pytest.mark.envoy
def test_settings_of_the_process_are_in_it(tmp_path: Path, validate) -> None:
    plan = ProcessPlan(
        runtime=(("envoy.reloadable_features.x", "true"), ("upstream.healthy_panic_threshold", "10")),
        stats=StatsPlan(("own.",), (".mine",), ("a.*b",)),
    )
    made = bootstrap.ads_bootstrap(
        node=node(), xds_address="127.0.0.1:15010", admin_path=str(tmp_path / "admin.sock"), process=plan
    )
    layer = made.layered_runtime.layers[0].static_layer
    assert layer.fields["upstream.healthy_panic_threshold"].string_value == "10"
    assert layer.fields["re2.max_program_size.error_level"].number_value == 32768
    kept = made.stats_config.stats_matcher.inclusion_list.patterns
    assert [(one.prefix, one.suffix, one.safe_regex.regex) for one in kept][-3:] == [
        ("own.", "", ""),
        ("", ".mine", ""),
        ("", "", "a.*b"),
    ]
    assert validate(made) == ""


def test_the_control_plane_may_lend_shares_of_faults_and_nothing_waits_long_for_them() -> None:
    made = bootstrap.ads_bootstrap(node=node(), xds_address="unix:///x", admin_path="/a")
    (layer,) = [one for one in made.layered_runtime.layers if one.HasField("rtds_layer")]
    assert (layer.name, layer.rtds_layer.name) == ("faults", "faults")
    assert layer.rtds_layer.rtds_config.HasField("ads")
    assert layer.rtds_layer.rtds_config.initial_fetch_timeout.seconds == 2


def test_a_static_file_has_no_layer_of_a_control_plane() -> None:
    made = static_bootstrap(ProxyPlans((), (), (), ()), bootstrap.node("x", "y"))
    assert not any(one.HasField("rtds_layer") for one in made.layered_runtime.layers)


@pytest.mark.parametrize(("locality", "expected"), [(Locality("r", "z"), "local_cluster"), (None, "")])
def test_who_else_calls_as_it_does_is_asked_by_those_that_know_where_they_are(locality, expected) -> None:
    who = bootstrap.node(NODE_ID, "reviews.default", locality=locality)
    made = bootstrap.ads_bootstrap(node=who, xds_address="unix:///x", admin_path="/a")
    assert made.cluster_manager.local_cluster_name == expected
    found = [one for one in made.static_resources.clusters if one.name == "local_cluster"]
    assert [one.eds_cluster_config.eds_config.HasField("ads") for one in found] == [True] * bool(expected)


@pytest.mark.envoy
def test_a_static_file_has_them_inside(validate) -> None:
    place = LocalityPlan((EndpointPlan("10.0.0.1", 80),), Locality("r", "z"))
    plans = ProxyPlans((), (), (), (), locality=Locality("r", "z"), local=AssignmentPlan("local_cluster", (place,)))
    made = static_bootstrap(plans, node())
    assert made.cluster_manager.local_cluster_name == "local_cluster"
    assert validate(made) == ""
    assert not static_bootstrap(ProxyPlans((), (), (), ()), node()).HasField("cluster_manager")
