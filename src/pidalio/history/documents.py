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
from pidalio.store.change import Write
from pidalio.store.sticky import Layouts

_SECRET = "Secret"  # noqa: S105 - the kind, not a secret
_STICKY = "sticky"
_SECRET_META = ("name", "namespace", "labels", "creationTimestamp")


class Document(msgspec.Struct, frozen=True):
    """The bytes of an object's tree and their SHA-256."""

    hash: str
    body: bytes


def tree_of(write: Write) -> dict[str, Any]:
    """Return the tree of an object as it stands: the layouts of its sticky rules are its status.

    Raise `ValueError` for one that was removed.
    """
    if write.object is None:
        raise ValueError(f"{write.ref} was removed")
    tree = dump(write.object)
    return {**tree, "status": {_STICKY: msgspec.to_builtins(write.layouts)}} if write.layouts else tree


def layouts_in(tree: dict[str, Any]) -> Layouts:
    """Return the layouts in a tree of `tree_of`; a status that is not ours has none."""
    status = tree.get("status")
    written = status.get(_STICKY, ()) if isinstance(status, dict) else ()
    return msgspec.convert(written, Layouts)


def document_of(write: Write, salt: bytes) -> Document:
    """Return the document of an object as it stands; `salt` goes into the fingerprints of secrets."""
    return encode(tree_of(write), salt)


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
