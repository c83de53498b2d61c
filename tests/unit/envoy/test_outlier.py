import pytest

from pidalio.envoy import protos
from pidalio.envoy.outlier import outlier_detection
from pidalio.ir import OutlierPlan


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (OutlierPlan(), {}),
        (OutlierPlan(consecutive_5xx=7), {"consecutive_5xx": 7, "enforcing_consecutive_5xx": 100}),
        (OutlierPlan(consecutive_5xx=0), {"consecutive_5xx": 0, "enforcing_consecutive_5xx": 0}),
        (
            OutlierPlan(consecutive_gateway=3),
            {"consecutive_gateway_failure": 3, "enforcing_consecutive_gateway_failure": 100},
        ),
        (OutlierPlan(consecutive_local=3), {}),
        (
            OutlierPlan(split_local=True, consecutive_local=3),
            {
                "split_external_local_origin_errors": True,
                "enforcing_local_origin_success_rate": 0,
                "consecutive_local_origin_failure": 3,
                "enforcing_consecutive_local_origin_failure": 100,
            },
        ),
        (
            OutlierPlan(interval=1500, base_ejection_time=2000, max_ejection_percent=50),
            {"interval": "1.500s", "base_ejection_time": "2s", "max_ejection_percent": 50},
        ),
    ],
)
def test_fields(plan: OutlierPlan, expected: dict[str, object]) -> None:
    assert protos.to_dict(outlier_detection(plan)) == {"enforcing_success_rate": 0} | expected
