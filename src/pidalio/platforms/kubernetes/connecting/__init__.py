"""The way to an API server, as kubectl finds it: kubeconfig or the pod's own account, TLS, credentials that change."""

from pidalio.platforms.kubernetes.connecting.connection import Connection, connection

__all__ = ["Connection", "connection"]
