"""XXH64 against published vectors: those of its specification's sanity checks and of its common libraries."""

import pytest

from pidalio.simulate.xxhash import rotated, xxh64

_PRIME32 = 2654435761


def _sanity(length: int) -> bytes:
    """Return the buffer of xxHash's own sanity check: the high bytes of powers of a 64-bit prime."""
    state, found = _PRIME32, bytearray()
    for _ in range(length):
        found.append(state >> 56)
        state = state * 11400714785074694797 & (1 << 64) - 1
    return bytes(found)


@pytest.mark.parametrize(
    ("content", "seed", "expected"),
    [
        (b"", 0, 0xEF46DB3751D8E999),
        (b"a", 0, 0xD24EC4F1A98C6E5B),
        (b"as", 0, 0x1C330FB2D66BE179),
        (b"asd", 0, 0x631C37CE72A97393),
        (b"asdf", 0, 0x415872F599CEA71E),
        (b"abc", 0, 0x44BC2CF5AD770999),
        (b"Call me Ishmael. Some years ago--never mind how long precisely-", 0, 0x02A2E85470D6FD96),
        (b"The quick brown fox jumps over the lazy dog", 0, 0x0B242D361FDA71BC),
        (_sanity(0), _PRIME32, 0xAC75FDA2929B17EF),
        (_sanity(1), 0, 0xE934A84ADB052768),
        (_sanity(1), _PRIME32, 0x5014607643A9B4C3),
        (_sanity(4), 0, 0x9136A0DCA57457EE),
        (_sanity(14), 0, 0x8282DCC4994E35C8),
        (_sanity(14), _PRIME32, 0xC3BD6BF63DEB6DF0),
        (_sanity(222), 0, 0xB641AE8CB691C174),
        (_sanity(222), _PRIME32, 0x20CB8AB7AE10C14A),
    ],
)
def test_published_vectors(content, seed, expected):
    assert xxh64(content, seed) == expected


def test_rotation_keeps_all_bits():
    assert rotated(1 << 63 | 2, 1) == 5
