"""The xDS protocol, and nothing of what travels in it: streams, subscriptions, order, ACK and NACK.

`stream` is one proxy's conversation as a state machine, `ads` all of them, `server` their sockets.
Resources come from a `Target`, ready as bytes; what a change means is decided before it arrives here.
Invariant: what a proxy has acknowledged, and only that, is what it is believed to hold.
"""

from pidalio.xds.ads import Ads, Resolve
from pidalio.xds.node import Node, Peer
from pidalio.xds.server import AdsServer, Transport
from pidalio.xds.session import Limits
from pidalio.xds.status import Events, Presence, Rejection, State, StreamStatus, TypeStatus, Unobserved, Verdict
from pidalio.xds.stream import Stream
from pidalio.xds.target import Target
from pidalio.xds.tls import TlsFiles

__all__ = [
    "Ads",
    "AdsServer",
    "Events",
    "Limits",
    "Node",
    "Peer",
    "Presence",
    "Rejection",
    "Resolve",
    "State",
    "Stream",
    "StreamStatus",
    "Target",
    "TlsFiles",
    "Transport",
    "TypeStatus",
    "Unobserved",
    "Verdict",
]
