"""XXH64, the hash of Envoy's hash policies, so that the simulator finds the bucket that Envoy finds.

Source: the algorithm's public specification (xxHash, XXH64); its published test vectors are in the tests.
A request is hashed once per explanation, so plain arithmetic is fast enough, and no dependency is needed for it.
"""

from collections.abc import Iterator

_MASK = (1 << 64) - 1
_PRIME_1 = 0x9E3779B185EBCA87
_PRIME_2 = 0xC2B2AE3D27D4EB4F
_PRIME_3 = 0x165667B19E3779F9
_PRIME_4 = 0x85EBCA77C2B2AE63
_PRIME_5 = 0x27D4EB2F165667C5
_STRIPE = 32


def rotated(value: int, bits: int) -> int:
    """Return a 64-bit number rotated to the left."""
    return (value << bits | value >> (64 - bits)) & _MASK


def xxh64(content: bytes, seed: int = 0) -> int:
    """Return the 64-bit hash of `content`."""
    stripes = len(content) // _STRIPE * _STRIPE
    value = _striped(content[:stripes], seed) if stripes else (seed + _PRIME_5) & _MASK
    return _mixed(_tailed(content[stripes:], (value + len(content)) & _MASK))


def _striped(content: bytes, seed: int) -> int:
    lanes = [seed + _PRIME_1 + _PRIME_2, seed + _PRIME_2, seed, seed - _PRIME_1]
    for position, word in enumerate(_words(content, 8)):
        lanes[position % 4] = _round(lanes[position % 4], word)
    value = sum(rotated(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18), strict=True)) & _MASK
    for lane in lanes:
        value = ((value ^ _round(0, lane)) * _PRIME_1 + _PRIME_4) & _MASK
    return value


def _tailed(rest: bytes, value: int) -> int:
    eights, fours = len(rest) // 8 * 8, len(rest) // 4 * 4
    for word in _words(rest[:eights], 8):
        value = (rotated(value ^ _round(0, word), 27) * _PRIME_1 + _PRIME_4) & _MASK
    for word in _words(rest[eights:fours], 4):
        value = (rotated(value ^ (word * _PRIME_1 & _MASK), 23) * _PRIME_2 + _PRIME_3) & _MASK
    for byte in rest[fours:]:
        value = rotated(value ^ (byte * _PRIME_5 & _MASK), 11) * _PRIME_1 & _MASK
    return value


def _mixed(value: int) -> int:
    value = (value ^ value >> 33) * _PRIME_2 & _MASK
    value = (value ^ value >> 29) * _PRIME_3 & _MASK
    return value ^ value >> 32


def _round(lane: int, word: int) -> int:
    return rotated((lane + word * _PRIME_2) & _MASK, 31) * _PRIME_1 & _MASK


def _words(content: bytes, size: int) -> Iterator[int]:
    return (int.from_bytes(content[start : start + size], "little") for start in range(0, len(content), size))
