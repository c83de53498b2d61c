"""What Marathon's events make out of date: apps and pods by id, or everything.

Marathon gives no order to its events, and drops some when a client is slow: so they say what to read again, and never
what is. Pure. Source: Marathon, "Event Bus".
"""

from typing import Any, Final

import msgspec

EVERYTHING: Final = "/"
"""Stands for all apps and pods."""
_ONE: Final = frozenset(
    {
        *("status_update_event", "instance_changed_event", "instance_health_changed_event"),
        *("unknown_instance_terminated_event", "health_status_changed_event", "failed_health_check_event"),
        *("app_terminated_event", "unhealthy_instance_kill_event", "unhealthy_task_kill_event"),
    }
)
_DEFINITIONS: Final = frozenset(
    {
        *("api_post_event", "pod_created_event", "pod_updated_event", "pod_deleted_event", "event_stream_attached"),
        *("deployment_info", "deployment_success", "deployment_failed", "deployment_step_success"),
        *("deployment_step_failure", "group_change_success", "group_change_failed"),
    }
)


class _Event(msgspec.Struct, frozen=True, rename="camel"):
    event_type: str = ""
    app_id: str = ""
    run_spec_id: str = ""
    plan: Any = None
    current_step: Any = None


def named(name: str, data: bytes) -> frozenset[str]:
    """Return the ids that an event makes out of date; raise `msgspec.MsgspecError` when it cannot be understood."""
    if name not in _ONE and name not in _DEFINITIONS:
        return frozenset()
    event = msgspec.json.decode(data, type=_Event)
    if one := event.run_spec_id or event.app_id:
        return frozenset({one})
    steps = [event.current_step]
    if isinstance(event.plan, dict):
        steps += event.plan.get("steps") or []
    return frozenset(_of_steps(steps)) or frozenset({EVERYTHING})


def _of_steps(steps: Any) -> set[str]:
    """Return the apps and pods that the steps of a deployment are about."""
    found = set()
    for step in steps:
        for action in step.get("actions") or () if isinstance(step, dict) else ():
            one = action.get("app") or action.get("pod") if isinstance(action, dict) else None
            if isinstance(one, str):
                found.add(one)
    return found
