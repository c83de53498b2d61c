"""Every code that a report about Mesos, Marathon and their tasks can carry; codes are stable, messages may change."""

from pidalio.model import Code

CODES: dict[str, Code] = {
    "mesos-unreadable": Code(
        "A task, app or event is not as Mesos or Marathon write it: it stays as it was known, all others are followed.",
        "Look what wrote it: the message names it, and what is wrong with it.",
    ),
    "mesos-failover": Code(
        "Another master took over, and does not know all tasks yet: those on agents that are not back are kept.",
        "Nothing: they go when their agent is back without them, or after `reregistration` seconds.",
    ),
    "mesos-no-events": Code(
        "Marathon's event stream cannot be had, so that changes are found by reading everything now and then.",
        "Let the user that Pidalio is read `/v2/events`, and proxies in between pass it on without buffering.",
    ),
    "mesos-no-address": Code(
        "Agents are known by a name that DNS does not have here, so that their tasks cannot be called.",
        "Start agents with `--hostname` and `--ip` that can be reached, or name the master, which knows addresses.",
    ),
    "mesos-no-service": Code(
        "No host name can be made for an app, so that nobody can call it.",
        "Give it a label `mesh.service` that is a name, or correct the setting `hostname`.",
    ),
    "mesos-fallback": Code(
        "Neither the master nor Marathon answers, and Mesos-DNS does: new tasks are known without labels and health.",
        "Bring the master or Marathon back; nothing that was known is lost meanwhile.",
    ),
}
