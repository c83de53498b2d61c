"""Objects as the bytes that a history keeps: canonical JSON named by its hash, secrets as fingerprints.

Invariant: equal objects give equal bytes, and no contents of a `Secret` pass.
It stands between the catalog's writes and the storage.
"""

import base64
import binascii
import hashlib
import hmac
from typing import Any

import msgspec

from pidalio.api.dump import dump
from pidalio.api.object import Object

_SECRET = "Secret"  # noqa: S105 - the kind, not a secret
_SECRET_META = ("name", "namespace", "labels", "creationTimestamp")


class Document(msgspec.Struct, frozen=True):
    """The bytes of an object's tree and their SHA-256."""

    hash: str
    body: bytes


def document_of(item: Object[Any], salt: bytes) -> Document:
    """Return the document of `item`; `salt` goes into the fingerprints of secrets."""
    return encode(dump(item), salt)


def encode(tree: dict[str, Any], salt: bytes) -> Document:
    """Return the document of an object's tree."""
    body = msgspec.json.encode(_redacted(tree, salt) if tree.get("kind") == _SECRET else tree, order="sorted")
    return Document(hashlib.sha256(body).hexdigest(), body)


def decode(body: bytes) -> dict[str, Any]:
    """Return the tree that `body` was made of."""
    tree: dict[str, Any] = msgspec.json.decode(body)
    return tree


def is_redacted(tree: dict[str, Any]) -> bool:
    """Tell whether `tree` holds fingerprints and can therefore not be applied again."""
    return tree.get("kind") == _SECRET


def _redacted(tree: dict[str, Any], salt: bytes) -> dict[str, Any]:
    """Keep what names a secret; of all else only salted fingerprints by key, so that changes can be told."""
    kept: dict[str, Any] = {key: tree[key] for key in ("apiVersion", "kind", "type") if key in tree}
    metadata = tree.get("metadata", {})
    kept["metadata"] = {key: metadata[key] for key in _SECRET_META if key in metadata}
    contents = {key: _decoded(value) for key, value in tree.get("data", {}).items()}
    contents |= {key: str(value).encode() for key, value in tree.get("stringData", {}).items()}
    kept["fingerprints"] = {key: _fingerprint(value, salt) for key, value in contents.items()}
    return kept


def _decoded(value: Any) -> bytes:
    try:
        return base64.b64decode(str(value), validate=True)
    except binascii.Error:
        return str(value).encode()


def _fingerprint(content: bytes, salt: bytes) -> str:
    return hmac.new(salt, content, hashlib.sha256).hexdigest()[:16]
