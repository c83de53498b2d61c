"""Policies of a cluster: what protects its endpoints from callers, and callers from its endpoints.

A value that is None is Envoy's own default; `origin` is the block of the rule, or of the mesh, that was in force.
"""

import msgspec

from pidalio.model import Origin


class OutlierPlan(msgspec.Struct, frozen=True, gc=False):
    """When an instance is ejected: after so many errors in a row, 0 for never.

    Times in milliseconds; `max_ejection_percent` is of the cluster's instances, rounded down.
    With `split_local`, failures to connect are counted apart from answers (`consecutive_local`).
    """

    consecutive_5xx: int | None = None
    consecutive_gateway: int | None = None
    consecutive_local: int | None = None
    split_local: bool = False
    interval: int | None = None
    base_ejection_time: int | None = None
    max_ejection_percent: int | None = None
    origin: Origin | None = None
