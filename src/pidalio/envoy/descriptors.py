"""Read the message descriptors that an Envoy executable carries.

Every generated C++ protobuf file registers its own serialised `FileDescriptorProto`, so the executable holds the exact
schema it was built with: nothing can lag behind it. A descriptor begins with its file name (field 1), which is what the
scan looks for; its end is where bytes stop being fields of a `FileDescriptorProto`.
Invariant: what is returned is complete (every dependency is there) and in an order in which a pool takes it.
"""

import mmap
import re
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message import DecodeError

from pidalio.errors import EnvoyNotFound

# Field 1 of type bytes, a length below 128, and a path that ends in `.proto`.
_BEGIN = re.compile(rb"\x0a([\x05-\x7f])([a-z][A-Za-z0-9_./-]{3,126}\.proto)")
_LENGTH_PREFIXED_TAGS = frozenset((field << 3) | 2 for field in (2, 3, 4, 5, 6, 7, 8, 9, 12, 15))
_VARINT_TAGS = frozenset((field << 3) for field in (10, 11, 14))


def read_descriptors(executable: Path) -> list[bytes]:
    """Return every serialised `FileDescriptorProto` in the file, dependencies first.

    Raise `EnvoyNotFound` when there are none, or when some are missing: it is then no Envoy, or a stripped one.
    """
    with executable.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as image:
        blobs = _scan(image)
    if "envoy/config/cluster/v3/cluster.proto" not in blobs:
        raise EnvoyNotFound(f"{executable} carries no descriptors of Envoy's messages: is it Envoy?")
    return _dependencies_first(blobs, executable)


def _scan(image: mmap.mmap) -> dict[str, bytes]:
    blobs: dict[str, bytes] = {}
    for begin in _BEGIN.finditer(image):
        if begin.group(1)[0] != len(begin.group(2)):
            continue
        name = begin.group(2).decode("ascii")
        blob = image[begin.start() : _end_of_fields(image, begin.end())]
        # Some files are there twice, with and without JSON names: the longer one says more.
        if len(blob) > len(blobs.get(name, b"")) and _is_descriptor(blob):
            blobs[name] = blob
    return blobs


def _end_of_fields(image: mmap.mmap, position: int) -> int:
    size = len(image)
    while position < size:
        tag = image[position]
        if tag in _LENGTH_PREFIXED_TAGS:
            length, after = _varint(image, position + 1)
            if after + length > size:
                break
            position = after + length
        elif tag in _VARINT_TAGS:
            _, position = _varint(image, position + 1)
        else:
            break
    return position


def _varint(image: mmap.mmap, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(image):
        byte = image[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
    return value, position


def _is_descriptor(blob: bytes) -> bool:
    try:
        file = FileDescriptorProto.FromString(blob)
    except DecodeError:
        return False
    return bool(file.package or file.message_type or file.enum_type)


def _dependencies_first(blobs: dict[str, bytes], executable: Path) -> list[bytes]:
    ordered: dict[str, bytes] = {}
    open_names: list[str] = list(blobs)
    dependencies = {name: list(FileDescriptorProto.FromString(blob).dependency) for name, blob in blobs.items()}
    while open_names:
        name = open_names.pop()
        if name in ordered:
            continue
        if name not in blobs:
            raise EnvoyNotFound(f"{executable} lacks the descriptor of {name}")
        waiting = [each for each in dependencies[name] if each not in ordered]
        if waiting:
            open_names.append(name)
            open_names.extend(waiting)
        else:
            ordered[name] = blobs[name]
    return list(ordered.values())
