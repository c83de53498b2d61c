from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from pidalio.envoy.descriptors import read_descriptors
from pidalio.envoy.executable import find_envoy
from pidalio.errors import EnvoyNotFound


def test_every_file_comes_once_and_after_its_dependencies() -> None:
    seen: set[str] = set()
    for serialised in read_descriptors(find_envoy()):
        file = FileDescriptorProto.FromString(serialised)
        assert file.name not in seen
        assert seen.issuperset(file.dependency)
        seen.add(file.name)
    assert {"envoy/config/route/v3/route_components.proto", "google/protobuf/any.proto"} <= seen
    assert len(seen) > 500


def test_a_descriptor_ends_where_other_bytes_begin(tmp_path: Path) -> None:
    file = FileDescriptorProto(name="envoy/config/cluster/v3/cluster.proto", package="envoy.config.cluster.v3")
    file.message_type.add(name="Cluster")
    for tail in (b"\x00rest", b"\x7fELF", b"\x22\xff\xff\xff\xff\x0f", b""):
        image = tmp_path / "image"
        image.write_bytes(b"head" + file.SerializeToString() + tail)
        assert read_descriptors(image) == [file.SerializeToString()]


def test_a_missing_dependency_is_named(tmp_path: Path) -> None:
    file = FileDescriptorProto(name="envoy/config/cluster/v3/cluster.proto", package="p", dependency=["gone.proto"])
    image = tmp_path / "image"
    image.write_bytes(file.SerializeToString())
    with pytest.raises(EnvoyNotFound, match=r"lacks the descriptor of gone\.proto"):
        read_descriptors(image)


def test_what_carries_no_descriptors_is_not_envoy(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(b"\x0a\x0bother.proto" * 3)
    with pytest.raises(EnvoyNotFound, match="carries no descriptors"):
        read_descriptors(image)
