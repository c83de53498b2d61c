"""Every code that a report of the embedded mesh can carry; codes are stable, messages may change."""

CODES: dict[str, str] = {
    "port-moved": "A gateway's port below 1024 listens 8000 higher, for binding it needs root.",
    "port-in-use": "Another process listens where a gateway is to listen: the mesh does not start.",
}
