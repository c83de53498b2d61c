"""Header names of HTTP/1.1 as the sender wrote them, for peers that compare their case."""

from __future__ import annotations

from pidalio.envoy import messages as pb
from pidalio.envoy.protos import pack


def keep_case(options: pb.Http1ProtocolOptions) -> None:
    """Leave header names as they came; Envoy writes them in lower case otherwise."""
    formatter = options.header_key_format.stateful_formatter
    formatter.name = "preserve_case"
    formatter.typed_config.CopyFrom(pack(pb.PreserveCaseFormatterConfig()))
