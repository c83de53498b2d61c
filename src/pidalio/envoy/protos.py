"""Message classes of this Envoy, in a private descriptor pool.

The pool is filled once per process from the executable (`descriptors`), on first use; nothing is registered in
protobuf's default pool, so another package may load its own copies of the same files.
Invariant: every class, `Any` and JSON conversion of this package goes through this one pool.
"""

import functools
import json
from pathlib import Path
from typing import Any, TypeVar

import yaml
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

from pidalio.envoy.descriptors import read_descriptors
from pidalio.envoy.executable import find_envoy

M = TypeVar("M", bound=Message)

_TYPE_PREFIX = "type.googleapis.com/"
_FIRST_KEYS = ("@type", "name")
_chosen: list[Path] = []


def use(executable: Path) -> None:
    """Take the messages of `executable` instead of those that `find_envoy()` finds; call before any message is made.

    Raise `RuntimeError` when the pool has already been filled from another file.
    """
    if _pool.cache_info().currsize and _chosen != [executable]:
        raise RuntimeError(f"messages were already taken from {_chosen[0]}, not from {executable}")
    _chosen[:] = [executable]


@functools.cache
def _pool() -> DescriptorPool:
    if not _chosen:
        _chosen.append(find_envoy())
    pool = DescriptorPool()
    for serialised in read_descriptors(_chosen[0]):
        pool.AddSerializedFile(serialised)
    return pool


def prepare() -> None:
    """Read Envoy's messages now (some 70 ms) rather than at their first use; raise `EnvoyNotFound` without an Envoy."""
    _pool()


@functools.cache
def message(full_name: str) -> type[Message]:
    """Return the class of `full_name` (`envoy.config.cluster.v3.Cluster`); raise `KeyError` when Envoy has none."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(full_name))


@functools.cache
def enum(full_name: str) -> EnumTypeWrapper:
    """Return the wrapper of a top-level enum (`envoy.config.core.v3.ApiVersion`)."""
    return EnumTypeWrapper(_pool().FindEnumTypeByName(full_name))


def type_url(full_name: str) -> str:
    """Return the type URL under which a message travels."""
    return _TYPE_PREFIX + full_name


def encode(content: Message) -> bytes:
    """Serialise so that equal messages give equal bytes: maps are written in the order of their keys."""
    return content.SerializeToString(deterministic=True)


def pack(content: Message) -> Any:
    """Wrap `content` in a `google.protobuf.Any` of this pool."""
    wrapped: Any = message("google.protobuf.Any")()
    wrapped.type_url = _TYPE_PREFIX + content.DESCRIPTOR.full_name
    wrapped.value = content.SerializeToString(deterministic=True)
    return wrapped


def unpack(wrapped: Any) -> Message:
    """Return the message inside a `google.protobuf.Any`; raise `KeyError` for a type this Envoy does not have."""
    return message(wrapped.type_url.removeprefix(_TYPE_PREFIX)).FromString(wrapped.value)


def to_dict(content: Message) -> dict[str, Any]:
    """Return the JSON form with proto field names; what is inside `Any` is written out under `@type`.

    Keys are in one order for equal messages: `@type`, `name`, then by alphabet.
    """
    written = json_format.MessageToDict(content, preserving_proto_field_name=True, descriptor_pool=_pool())
    ordered: dict[str, Any] = _ordered(written)
    return ordered


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value, key=_place_of_key)}
    return [_ordered(each) for each in value] if isinstance(value, list) else value


def _place_of_key(key: str) -> tuple[int, str]:
    return (_FIRST_KEYS.index(key) if key in _FIRST_KEYS else len(_FIRST_KEYS), key)


def to_json(content: Message, indent: int | None = 2) -> str:
    """Return `to_dict` as JSON, as `envoy -c file.json` reads it."""
    return json.dumps(to_dict(content), indent=indent, ensure_ascii=False)


def to_yaml(content: Message) -> str:
    """Return `to_dict` as YAML, as `envoy -c file.yaml` reads it."""
    return yaml.dump(to_dict(content), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def from_json(text: str, kind: type[M]) -> M:
    """Parse the JSON form of a message of class `kind`; raise `json_format.ParseError` when it is not one."""
    return json_format.Parse(text, kind(), descriptor_pool=_pool())


class _Dumper(yaml.SafeDumper):
    """Write every value out: Envoy's YAML reader is not asked to follow anchors."""

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # Envoy reads a bare `y` or `n` as a boolean, PyYAML writes it as text.
    style = "'" if text in {"y", "Y", "n", "N"} else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _represent_text)
