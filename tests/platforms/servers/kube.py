"""A real Kubernetes control plane on loopback: etcd, kube-apiserver, and the controllers that make endpoint slices.

There are no kubelets and no scheduler: a test creates nodes and pods and says how they are, by their status.
The etcd, the API server and the controllers are `ServerProcess`es of their own, so each can be broken alone.
"""

import asyncio
import base64
import itertools
import json
import ssl
from pathlib import Path
from typing import Any, Self

import httpx
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from .authority import Authority
from .etcd import Etcd
from .installed import require
from .kube_api import KubeApi, Object, path_of_object
from .process import ServerProcess

TOKENS = {"admin": "system:masters", "reader": "readers", "stranger": "strangers"}  # user, and its group
CONTROLLERS = ("endpointslice-controller", "endpointslice-mirroring-controller", "namespace-controller")


def _answers(url: str, trust: ssl.SSLContext, token: str = "") -> bool:
    """Ask in a thread: a handshake that a busy machine does not end in time is then closed in order."""
    with httpx.Client(verify=trust, timeout=2) as http:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return http.get(url, headers=headers).status_code == 200


class ApiServer(ServerProcess):
    """kube-apiserver; its tokens are `NAME-token` of `TOKENS`, and client certificates of its authority count."""

    name = "kubernetes"

    def __init__(self, folder: Path, etcd: Etcd) -> None:
        super().__init__(folder)
        self.etcd, self.authority = etcd, Authority(self.folder / "pki")
        self.certificate, self.key = self.authority.server("apiserver")
        self.signing = self.folder / "pki" / "accounts.key"
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
        accounts = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.signing.write_bytes(accounts.private_bytes(encoding, form, serialization.NoEncryption()))
        self.tokens = self.folder / "tokens.csv"
        self.tokens.write_text("".join(f'{user}-token,{user},{user},"{TOKENS[user]}"\n' for user in TOKENS))

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def api(self, user: str = "admin") -> KubeApi:
        return KubeApi(self.url, self.authority.trust(), f"{user}-token")

    def command(self) -> list[str | Path]:
        options = {
            "etcd-servers": self.etcd.url,
            "bind-address": "127.0.0.1",
            "advertise-address": "127.0.0.1",
            "secure-port": self.port,
            "tls-cert-file": self.certificate,
            "tls-private-key-file": self.key,
            "client-ca-file": self.authority.certificate,
            "cert-dir": self.folder / "pki",
            "service-cluster-ip-range": "10.96.0.0/16",
            "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
            "service-account-key-file": self.signing,
            "service-account-signing-key-file": self.signing,
            "authorization-mode": "RBAC",
            "token-auth-file": self.tokens,
            "disable-admission-plugins": "ServiceAccount",
            "allow-privileged": "true",
            "endpoint-reconciler-type": "none",
        }
        return [self.home / "kube-apiserver", *(f"--{name}={value}" for name, value in options.items())]

    async def is_ready(self) -> bool:
        return await asyncio.to_thread(_answers, f"{self.url}/readyz", self.authority.trust(), "admin-token")


class Controllers(ServerProcess):
    """kube-controller-manager with `CONTROLLERS` alone."""

    name = "kubernetes"

    def __init__(self, folder: Path, api: ApiServer, kubeconfig: Path) -> None:
        super().__init__(folder)
        self.api, self.kubeconfig = api, kubeconfig

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def command(self) -> list[str | Path]:
        options = {
            "kubeconfig": self.kubeconfig,
            "controllers": ",".join(CONTROLLERS),
            "leader-elect": "false",
            "bind-address": "127.0.0.1",
            "secure-port": self.port,
            "tls-cert-file": self.api.certificate,
            "tls-private-key-file": self.api.key,
        }
        return [self.home / "kube-controller-manager", *(f"--{name}={value}" for name, value in options.items())]

    async def is_ready(self) -> bool:
        return await asyncio.to_thread(_answers, f"{self.url}/healthz", self.api.authority.trust())


class KubeCluster:
    """The three together; `api` speaks as its administrator."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.etcd = Etcd(folder)
        self.server = ApiServer(folder, self.etcd)
        self.controllers = Controllers(folder, self.server, folder / "kubeconfig")
        self.kinds = require("istio") / "kinds.yaml"
        self.numbers = itertools.count(1)

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def api(self) -> KubeApi:
        return self.server.api()

    @property
    def kubeconfig(self) -> Path:
        """The administrator's, at the server's own address."""
        return self.folder / "kubeconfig"

    def kubeconfig_for(self, user: str, *, url: str = "", certificate: bool = False) -> Path:
        """Write a kubeconfig for a user of `TOKENS`, by token or by certificate; `url` may be one of a `Partition`."""
        credentials: dict[str, Any] = {"token": f"{user}-token"}
        if certificate:
            shown, key = self.server.authority.client(user, TOKENS.get(user, ""))
            credentials = {"client-certificate": str(shown), "client-key": str(key)}
        trusted = base64.b64encode(self.server.authority.certificate.read_bytes()).decode()
        cluster = {"server": url or self.url, "certificate-authority-data": trusted}
        path = self.folder / (f"kubeconfig-{user}-{next(self.numbers)}")
        told = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": user, "user": credentials}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
        }
        path.write_text(json.dumps(told))
        return path

    async def __aenter__(self) -> Self:
        try:
            await self.etcd.start()
            await self.server.start()
            self.kubeconfig_for("admin").rename(self.kubeconfig)
            await self.controllers.start()
        except BaseException:
            await self.end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()

    async def end(self) -> None:
        """End all three at once: nothing of them is needed any more."""
        for server in (self.controllers, self.server, self.etcd):
            await server.kill()

    # What a test puts into it.

    async def install_kinds(self) -> None:
        """Install the definitions of Istio's kinds, as Istio publishes them."""
        await self.install([each for each in yaml.load_all(self.kinds.read_text(), yaml.CSafeLoader) if each])

    async def install(self, objects: list[Object]) -> None:
        """Apply objects, and wait until the kinds that they define can be used."""
        api = self.api
        for each in objects:
            await api.apply(each)
        for definition in objects:
            if definition["kind"] == "CustomResourceDefinition":
                await api.until(is_established, path_of_object(definition))
                told = definition["spec"]
                (version, *_) = (each["name"] for each in told["versions"] if each["served"])
                await api.until(is_list, f"/apis/{told['group']}/{version}/{told['names']['plural']}")

    async def namespace(self, name: str = "") -> str:
        """Create a namespace, by default one with a name that no other test has; return its name."""
        name = name or f"test-{next(self.numbers)}"
        await self.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        return name

    async def node(self, name: str, *, region: str = "", zone: str = "", subzone: str = "") -> Object:
        """Create a node that stands somewhere."""
        places = {
            "topology.kubernetes.io/region": region,
            "topology.kubernetes.io/zone": zone,
            "topology.istio.io/subzone": subzone,
        }
        about = {"name": name, "labels": {label: value for label, value in places.items() if value}}
        return await self.api.create({"apiVersion": "v1", "kind": "Node", "metadata": about})

    async def pod(
        self, namespace: str, name: str, address: str, *, node: str, labels: dict[str, str], account: str = "default"
    ) -> Object:
        """Create a pod that runs on a node and is ready, as its kubelet would have it."""
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": {
                "nodeName": node,
                "serviceAccountName": account,
                "containers": [{"name": "app", "image": "none.invalid/app"}],
            },
        }
        await self.api.create(pod)
        return await self.report(pod, address)

    async def report(self, pod: Object, address: str, *, ready: bool = True) -> Object:
        """Say how a pod is, as its kubelet would."""
        condition = {"type": "Ready", "status": str(ready)}
        where = {"podIP": address, "podIPs": [{"ip": address}], "hostIP": "192.0.2.1"}
        return await self.api.set_status(pod, {"phase": "Running", "conditions": [condition], **where})

    async def service(self, namespace: str, name: str, *ports: Object, selector: dict[str, str], **spec: Any) -> Object:
        """Create a service."""
        about = {"name": name, "namespace": namespace}
        told = {"selector": selector, "ports": list(ports), **spec}
        return await self.api.create({"apiVersion": "v1", "kind": "Service", "metadata": about, "spec": told})

    async def let_read(self, user: str, *groups: str) -> None:
        """Let a user of `TOKENS` read everything of these API groups ("" is the core)."""
        name = f"test-{user}-{next(self.numbers)}"
        rbac = "rbac.authorization.k8s.io"
        rule = {"apiGroups": list(groups), "resources": ["*"], "verbs": ["get", "list", "watch"]}
        about = {"apiVersion": f"{rbac}/v1", "metadata": {"name": name}}
        await self.api.create({**about, "kind": "ClusterRole", "rules": [rule]})
        role = {"apiGroup": rbac, "kind": "ClusterRole", "name": name}
        subject = {"apiGroup": rbac, "kind": "User", "name": user}
        await self.api.create({**about, "kind": "ClusterRoleBinding", "roleRef": role, "subjects": [subject]})


def is_established(definition: Object) -> bool:
    """Tell whether a kind's definition is in force; a little later the kind is served."""
    conditions = definition.get("status", {}).get("conditions") or []
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


def is_list(found: Object) -> bool:
    """Tell whether this is a list of objects."""
    return found["kind"].endswith("List")
