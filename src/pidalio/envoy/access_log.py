"""Access logs: one JSON object a line, with the rule that decided, so that `explain --log` can start from it."""

from __future__ import annotations

import json
from pathlib import PurePath

from pidalio.envoy import messages as pb
from pidalio.envoy.protos import pack
from pidalio.ir import AccessLogPlan

FIELDS = {
    "start_time": "%START_TIME%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "method": "%REQ(:METHOD)%",
    "authority": "%REQ(:AUTHORITY)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "protocol": "%PROTOCOL%",
    "response_code": "%RESPONSE_CODE%",
    "response_flags": "%RESPONSE_FLAGS%",
    "response_code_details": "%RESPONSE_CODE_DETAILS%",
    "connection_termination_details": "%CONNECTION_TERMINATION_DETAILS%",
    "upstream_transport_failure_reason": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    "duration": "%DURATION%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "route_name": "%ROUTE_NAME%",
    "upstream_cluster": "%UPSTREAM_CLUSTER_RAW%",
    "upstream_host": "%UPSTREAM_HOST%",
    "upstream_workload": "%UPSTREAM_METADATA(pidalio:workload)%",
    "downstream_local_address": "%DOWNSTREAM_LOCAL_ADDRESS%",
    "downstream_remote_address": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "rule": "%METADATA(ROUTE:istio)%",
    "reason": "%METADATA(ROUTE:pidalio:reason)%",
}
"""What each line holds; values that are absent are left out."""


def json_access_log(path: str) -> pb.AccessLog:
    """Return a log that appends one JSON object a request to the file at `path`, which is named after the proxy."""
    named = {"proxy": PurePath(path).stem, **FIELDS}
    fields = {name: pb.Value(string_value=command) for name, command in named.items()}
    return _file(path, pb.SubstitutionFormatString(json_format=pb.Struct(fields=fields), omit_empty_values=True))


def access_log(plan: AccessLogPlan) -> pb.AccessLog:
    """Return the log that users ask for."""
    log_format = pb.SubstitutionFormatString()
    if plan.fields:
        log_format.json_format.update(json.loads(plan.fields))
    else:
        log_format.text_format_source.inline_string = plan.text
    return _file(plan.path, log_format)


def _file(path: str, log_format: pb.SubstitutionFormatString) -> pb.AccessLog:
    return pb.AccessLog(
        name="envoy.access_loggers.file",
        typed_config=pack(pb.FileAccessLog(path=path, log_format=log_format)),
    )
