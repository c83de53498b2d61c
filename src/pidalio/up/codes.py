"""Every code that a report of the embedded mesh can carry; codes are stable, messages may change."""

from pidalio.model import Code

CODES: dict[str, Code] = {
    "port-moved": Code(
        "A gateway's port below 1024 listens 8000 higher, for binding it needs root.",
        "Call the port that the message names, or run as root.",
    ),
    "port-in-use": Code(
        "Another process listens where a gateway is to listen: the mesh does not start.",
        "End the other process, or give the gateway another port.",
    ),
    "settings-unknown": Code(
        "An agent could not ask for the settings of its proxy (ProxyConfig), and starts it with the usual ones.",
        "Start the agent again once the control plane answers.",
    ),
}
