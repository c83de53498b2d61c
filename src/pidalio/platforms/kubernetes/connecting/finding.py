"""Which API server is meant when nobody says more than "kubernetes".

In this order: the kubeconfig of the settings, KUBECONFIG, the account of the pod that we run in, ~/.kube/config.
Source of the rule: the order of Kubernetes' own controllers (controller-runtime's `config.GetConfig`).
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pidalio.errors import PlatformUnavailable
from pidalio.platforms.kubernetes.connecting.kubeconfig import chosen
from pidalio.platforms.kubernetes.connecting.target import Cluster, Target, User

MOUNTED: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its account."""
_HOST: Final = "KUBERNETES_SERVICE_HOST"
_PORT: Final = "KUBERNETES_SERVICE_PORT"


def found(kubeconfig: str, context: str, environment: Mapping[str, str], mounted: Path = MOUNTED) -> Target:
    """Return the API server that is meant; raise `PlatformUnavailable`, one line, when there is none."""
    if kubeconfig or environment.get("KUBECONFIG"):
        stated = kubeconfig or environment["KUBECONFIG"]
        whole = Path(stated).expanduser()
        parts = [whole] if whole.exists() else [Path(one).expanduser() for one in stated.split(os.pathsep) if one]
        return chosen(parts, context)
    home = Path("~/.kube/config").expanduser()
    if _HOST in environment and not context:
        return _own(environment, mounted)
    if not home.exists():
        raise PlatformUnavailable(
            f"no kubeconfig: state `kubeconfig`, set KUBECONFIG, or write {home}; this is no pod either",
            is_lasting=True,
        )
    return chosen([home], context)


def _own(environment: Mapping[str, str], mounted: Path) -> Target:
    token, authority, namespace = mounted / "token", mounted / "ca.crt", mounted / "namespace"
    for one in (token, authority):
        if not one.exists():
            raise PlatformUnavailable(
                f"the pod's account has no {one}: set automountServiceAccountToken, or state `kubeconfig`",
                is_lasting=True,
            )
    host = environment[_HOST]
    host = f"[{host}]" if ":" in host else host
    server = f"https://{host}:{environment.get(_PORT, '443')}"
    return Target(
        "the pod's own account",
        Cluster(server=server, certificate_authority=str(authority)),
        User(token_file=str(token)),
        namespace.read_text().strip() if namespace.exists() else "default",
    )
