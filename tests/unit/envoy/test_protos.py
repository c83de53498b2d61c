import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from google.protobuf import json_format

from pidalio.envoy import messages as pb
from pidalio.envoy import protos


def test_every_name_in_use_exists_in_this_envoy() -> None:
    for name, full_name in pb.NAMES.items():
        assert getattr(pb, name).DESCRIPTOR.full_name == full_name


def test_an_unlisted_name_says_where_to_list_it() -> None:
    with pytest.raises(AttributeError, match="add it to NAMES"):
        _ = pb.Nonsense


def test_another_executable_cannot_be_chosen_once_messages_exist() -> None:
    assert pb.Cluster().name == ""
    with pytest.raises(RuntimeError, match="already taken"):
        protos.use(Path("other"))


def test_an_unknown_message_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        protos.message("envoy.config.cluster.v3.Nonsense")


def test_packing_keeps_type_and_content() -> None:
    packed = protos.pack(pb.Cluster(name="x"))
    assert packed.type_url == "type.googleapis.com/envoy.config.cluster.v3.Cluster"
    assert protos.unpack(packed) == pb.Cluster(name="x")


def test_json_writes_any_out_and_reads_it_back() -> None:
    message = pb.HttpFilter(name="f", typed_config=protos.pack(pb.Router(suppress_envoy_headers=True)))
    text = protos.to_json(message)
    assert '"suppress_envoy_headers": true' in text
    assert protos.from_json(text, pb.HttpFilter) == message
    with pytest.raises(json_format.ParseError):
        protos.from_json('{"nonsense": 1}', pb.HttpFilter)


def test_equal_messages_are_written_alike_whatever_the_order_of_insertion() -> None:
    one, other = pb.Struct(), pb.Struct()
    names = [f"key-{number}" for number in range(20)]
    for name in names:
        one.fields[name].string_value = name
    for name in reversed(names):
        other.fields[name].string_value = name
    assert protos.encode(one) == protos.encode(other)
    assert protos.to_yaml(one) == protos.to_yaml(other)


@pytest.mark.parametrize("text", ["y", "N", "no", "on", "~", "1", "0x10", "1e3", "", "#", "a: b", "null"])
def test_yaml_keeps_text_that_looks_like_something_else(text: str) -> None:
    written = protos.to_yaml(pb.HeaderMatcher(name=text or "x", present_match=True))
    assert yaml.safe_load(written)["name"] == (text or "x")
    if text.lower() in {"y", "n"}:
        assert f"'{text}'" in written


def test_the_stubs_are_current() -> None:
    root = Path(__file__).parents[3]
    answer = subprocess.run([sys.executable, root / "scripts/make_stubs.py", "--check"], check=False)
    assert answer.returncode == 0, "run: python scripts/make_stubs.py"


def test_importing_the_package_needs_no_envoy() -> None:
    code = (
        "import os; os.environ['PIDALIO_ENVOY'] = '/nonexistent'\n"
        "import pidalio.envoy.resource, pidalio.envoy.static, pidalio.envoy.bootstrap\n"
        "from pidalio.errors import EnvoyNotFound\n"
        "from pidalio.envoy import messages\n"
        "try:\n    messages.Cluster\n"
        "except EnvoyNotFound:\n    raise SystemExit(7)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 7
