"""Ejection of instances that fail: OutlierDetection in, `OutlierPlan` out.

Source of the rules: Istio's documented OutlierDetection (reference §1.2): an empty block ejects by Envoy's own
thresholds, and a block without `minHealthPercent` switches panic off.
"""

from pidalio.api.traffic_policy import OutlierDetection
from pidalio.ir import OutlierPlan
from pidalio.rules.policies import Stated


def outlier_plan(stated: Stated[OutlierDetection] | None) -> OutlierPlan | None:
    """Return when instances are ejected, None where nothing asks for it."""
    if stated is None:
        return None
    settings = stated.value
    gateway = settings.consecutive_gateway_errors
    return OutlierPlan(
        consecutive_5xx=settings.consecutive_5xx_errors,
        consecutive_gateway=settings.consecutive_errors or None if gateway is None else gateway,
        consecutive_local=settings.consecutive_local_origin_failures or None,
        split_local=settings.split_external_local_origin_errors,
        interval=settings.interval,
        base_ejection_time=settings.base_ejection_time,
        max_ejection_percent=settings.max_ejection_percent or None,
        error_statuses=tuple(sorted({int(one) for one in settings.outlier_detection_http_error_codes})),
        origin=stated.origin,
    )


def min_health(stated: Stated[OutlierDetection] | None) -> int:
    """Return the percentage of healthy instances below which health is ignored: 0 (never) unless it is stated."""
    return stated.value.min_health_percent if stated else 0
