"""Active checks of a cluster's instances.

All of Envoy's intervals are one: also of clusters without traffic (a minute by default) and of instances that failed.
"""

from __future__ import annotations

from collections.abc import Iterable

from pidalio.envoy import messages as pb
from pidalio.envoy.values import duration
from pidalio.ir import GrpcQuestion, HealthCheckPlan, HttpQuestion, TcpQuestion


def health_check(plan: HealthCheckPlan) -> pb.HealthCheck:
    """Return the message."""
    message = pb.HealthCheck(
        timeout=duration(plan.timeout),
        interval=duration(plan.interval),
        no_traffic_interval=duration(plan.interval),
        unhealthy_threshold=pb.UInt32Value(value=plan.unhealthy_threshold),
        healthy_threshold=pb.UInt32Value(value=plan.healthy_threshold),
    )
    if plan.jitter:
        message.interval_jitter.CopyFrom(duration(plan.jitter))
    match plan.question:
        case HttpQuestion() as http:
            message.http_health_check.CopyFrom(_http(http))
        case GrpcQuestion() as grpc:
            message.grpc_health_check.service_name = grpc.service
            message.grpc_health_check.authority = grpc.authority
        case TcpQuestion() as tcp:
            message.tcp_health_check.SetInParent()
            if tcp.send:
                message.tcp_health_check.send.CopyFrom(_payload(tcp.send))
            message.tcp_health_check.receive.extend(map(_payload, tcp.receive))
    return message


def _http(question: HttpQuestion) -> pb.HealthCheck.HttpHealthCheck:
    message = pb.HealthCheck.HttpHealthCheck(
        host=question.host,
        path=question.path,
        method=getattr(pb.RequestMethod, question.method),
        expected_statuses=_ranges(question.expected),
        retriable_statuses=_ranges(question.retriable),
        codec_client_type=pb.CodecClientType.HTTP2 if question.http2 else pb.CodecClientType.HTTP1,
    )
    for name, value in question.headers:
        header = message.request_headers_to_add.add(append_action=pb.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD)
        header.header.key, header.header.value = name, value
    return message


def _ranges(statuses: Iterable[tuple[int, int]]) -> list[pb.Int64Range]:
    """Return ranges whose end is the first that is not in them."""
    return [pb.Int64Range(start=first, end=last + 1) for first, last in statuses]


def _payload(text: str) -> pb.HealthCheck.Payload:
    return pb.HealthCheck.Payload(text=text.encode().hex())
