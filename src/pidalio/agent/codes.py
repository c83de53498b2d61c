"""Every code that a report of an agent can carry; codes are stable, messages may change."""

from pidalio.model import Code

CODES: dict[str, Code] = {
    "workload-ended": Code(
        "A workload's process ended, or cannot be started; it is started again, later each time.",
        "Read the end of its log, which the message quotes.",
    ),
    "workload-unhealthy": Code(
        "A workload fails its probe: it takes no traffic until it passes.",
        "Look at why the probe fails; the reason is in the message.",
    ),
    "workload-flapping": Code(
        "A workload went up and down several times, and must pass its probe for longer before it takes traffic again.",
        "Find out why it fails; a probe that is too strict for a busy moment has larger thresholds or timeouts.",
    ),
    "workload-ignores-port": Code(
        "A workload listens elsewhere than it was told by PORT; it takes no traffic.",
        "Let it listen on `$PORT` of `$HOST`, or pass `$(PORT)` in its command.",
    ),
    "workload-not-listening": Code(
        "A workload accepts no connections where it was told to listen; it takes no traffic.",
        "Let it listen on `$PORT` of `$HOST`; a slow start passes by itself.",
    ),
    "envoy-ended": Code(
        "An Envoy ended, or cannot be started; it is started again, later each time.",
        "Read the end of its log, which the message quotes.",
    ),
    "control-plane-connected": Code(
        "An agent reached its control plane.",
        "Nothing.",
    ),
    "control-plane-away": Code(
        "An agent's control plane does not answer; what was last accepted stays in force.",
        "Start the control plane, or correct its address; until then nothing changes.",
    ),
    "not-registered": Code(
        "The control plane does not take an agent's instance; it is tried again.",
        "Follow the message; the usual cause is a certificate that speaks for another namespace.",
    ),
}
