"""Plans: what the rules decided, before Envoy's words for it.

A plan is a small frozen value; equal plans mean equal behaviour, so equality decides what is sent.
Plans hold no place and no revision (design record 0001); `Origin` says which part of which object decided.
`rules` makes them, `envoy` writes them as protobuf, `simulate` answers from them.
"""

from pidalio.ir.cluster import (
    AssignmentPlan,
    ClusterPlan,
    Discovery,
    EndpointPlan,
    LoadBalancing,
    LocalityPlan,
)
from pidalio.ir.listener import (
    ChainMatch,
    Direction,
    FilterChainPlan,
    HttpPlan,
    Inspector,
    ListenerPlan,
    TcpPlan,
    one_chain,
)
from pidalio.ir.match import (
    ClaimMatch,
    HeaderMatch,
    MatchKind,
    MatchPlan,
    PathKind,
    PathMatch,
    QueryMatch,
    StringPattern,
)
from pidalio.ir.policy import (
    ConnectionPoolPlan,
    KeepalivePlan,
    OutlierPlan,
    PingPlan,
    RetryBudgetPlan,
    UpstreamProtocol,
)
from pidalio.ir.proxy import ProxyPlans
from pidalio.ir.route import (
    AbortPlan,
    CorsPlan,
    DelayPlan,
    DirectResponsePlan,
    FaultPlan,
    ForwardPlan,
    HeaderEdits,
    MirrorPlan,
    RedirectPlan,
    RegexRewrite,
    RetryPlan,
    RoutePlan,
    RouteTablePlan,
    VirtualHostPlan,
    WeightedCluster,
)

__all__ = [
    "AbortPlan",
    "AssignmentPlan",
    "ChainMatch",
    "ClaimMatch",
    "ClusterPlan",
    "ConnectionPoolPlan",
    "CorsPlan",
    "DelayPlan",
    "DirectResponsePlan",
    "Direction",
    "Discovery",
    "EndpointPlan",
    "FaultPlan",
    "FilterChainPlan",
    "ForwardPlan",
    "HeaderEdits",
    "HeaderMatch",
    "HttpPlan",
    "Inspector",
    "KeepalivePlan",
    "ListenerPlan",
    "LoadBalancing",
    "LocalityPlan",
    "MatchKind",
    "MatchPlan",
    "MirrorPlan",
    "OutlierPlan",
    "PathKind",
    "PathMatch",
    "PingPlan",
    "ProxyPlans",
    "QueryMatch",
    "RedirectPlan",
    "RegexRewrite",
    "RetryBudgetPlan",
    "RetryPlan",
    "RoutePlan",
    "RouteTablePlan",
    "StringPattern",
    "TcpPlan",
    "UpstreamProtocol",
    "VirtualHostPlan",
    "WeightedCluster",
    "one_chain",
]
