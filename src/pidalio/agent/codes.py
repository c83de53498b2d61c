"""Every code that a report of an agent can carry; codes are stable, messages may change."""

CODES: dict[str, str] = {
    "workload-ended": "A workload's process ended, or cannot be started; it is started again, later each time.",
    "workload-unhealthy": "A workload fails its probe: it takes no traffic until it passes.",
    "workload-ignores-port": "A workload listens elsewhere than it was told by PORT; it takes no traffic.",
    "workload-not-listening": "A workload accepts no connections where it was told to listen; it takes no traffic.",
    "envoy-ended": "An Envoy ended, or cannot be started; it is started again, later each time.",
    "control-plane-connected": "An agent reached its control plane.",
    "control-plane-away": "An agent's control plane does not answer; what was last accepted stays in force.",
    "not-registered": "The control plane does not take an agent's instance; it is tried again.",
}
