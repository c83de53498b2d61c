"""Scalars of the rule language, and the base of every struct that users write.

A struct here mirrors one message of Istio's API: names in snake_case, JSON names in lowerCamelCase.
Lists are tuples, maps are tuples of (key, value) pairs sorted by key, so that every spec is hashable.
A message, wrapper or oneof member that is not set is None; a plain proto3 scalar has its zero value,
for there "unset" and "zero" mean the same.
"""

from typing import Annotated, ClassVar, TypeAlias

import msgspec

Milliseconds: TypeAlias = Annotated[int, msgspec.Meta(extra={"scalar": "duration"})]
"""A protobuf Duration, written `"1.5s"`; held in whole milliseconds."""

Percent: TypeAlias = Annotated[float, msgspec.Meta(extra={"scalar": "percent"})]
"""Istio's Percent message, written `{value: 10}`; held as the number 0–100."""

Bytes: TypeAlias = Annotated[bytes, msgspec.Meta(extra={"scalar": "bytes"})]
"""A protobuf bytes field, written in base64."""

IntOrString: TypeAlias = Annotated[str, msgspec.Meta(extra={"scalar": "int-or-string"})]
"""Kubernetes' IntOrString (`targetPort: 8080` or `targetPort: http`); held as text."""

Number: TypeAlias = Annotated[float, msgspec.Meta(extra={"scalar": "number"})]
"""A double written plainly."""

JsonText: TypeAlias = Annotated[str, msgspec.Meta(extra={"scalar": "json"})]
"""A free-form value (protobuf Struct) that nothing reads yet; held as canonical JSON text."""

StringMap: TypeAlias = tuple[tuple[str, str], ...]
"""A map of strings as pairs sorted by key (equal to `model.Labels`)."""


class Message(msgspec.Struct, frozen=True, rename="camel"):
    """One message of the rule language.

    `oneofs` lists groups of fields of which at most one may be set; with a leading `!`, exactly one.
    """

    oneofs: ClassVar[tuple[tuple[str, ...], ...]] = ()
