"""The lines of an access log for which users name a file and no format: Istio's documented default."""

import json

_NAMED = (
    ("start_time", "%START_TIME%"),
    ("method", "%REQ(:METHOD)%"),
    ("path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"),
    ("protocol", "%PROTOCOL%"),
    ("response_code", "%RESPONSE_CODE%"),
    ("response_flags", "%RESPONSE_FLAGS%"),
    ("response_code_details", "%RESPONSE_CODE_DETAILS%"),
    ("connection_termination_details", "%CONNECTION_TERMINATION_DETAILS%"),
    ("upstream_transport_failure_reason", "%UPSTREAM_TRANSPORT_FAILURE_REASON%"),
    ("bytes_received", "%BYTES_RECEIVED%"),
    ("bytes_sent", "%BYTES_SENT%"),
    ("duration", "%DURATION%"),
    ("upstream_service_time", "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"),
    ("x_forwarded_for", "%REQ(X-FORWARDED-FOR)%"),
    ("user_agent", "%REQ(USER-AGENT)%"),
    ("request_id", "%REQ(X-REQUEST-ID)%"),
    ("authority", "%REQ(:AUTHORITY)%"),
    ("upstream_host", "%UPSTREAM_HOST%"),
    ("upstream_cluster", "%UPSTREAM_CLUSTER_RAW%"),
    ("upstream_local_address", "%UPSTREAM_LOCAL_ADDRESS%"),
    ("downstream_local_address", "%DOWNSTREAM_LOCAL_ADDRESS%"),
    ("downstream_remote_address", "%DOWNSTREAM_REMOTE_ADDRESS%"),
    ("requested_server_name", "%REQUESTED_SERVER_NAME%"),
    ("route_name", "%ROUTE_NAME%"),
)
_IN_BRACKETS = frozenset({"start_time"})
_QUOTED = frozenset(
    {
        "upstream_transport_failure_reason",
        "x_forwarded_for",
        "user_agent",
        "request_id",
        "authority",
        "upstream_host",
    }
)
_REQUEST_LINE = ("method", "path", "protocol")


def _text() -> str:
    words = []
    request = " ".join(command for name, command in _NAMED if name in _REQUEST_LINE)
    for name, command in _NAMED:
        if name == _REQUEST_LINE[0]:
            words.append(f'"{request}"')
        elif name in _IN_BRACKETS:
            words.append(f"[{command}]")
        elif name not in _REQUEST_LINE:
            words.append(f'"{command}"' if name in _QUOTED else command)
    return " ".join(words) + "\n"


DEFAULT_TEXT = _text()
"""One line in Istio's default form."""


def default_fields() -> str:
    """Return Istio's default members of a JSON line, as JSON text."""
    return json.dumps(dict(_NAMED))
