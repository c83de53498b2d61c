"""What a cluster can be told: where it is, what of it is read, and what its services are called."""

import zlib

import msgspec

from pidalio.api.names import is_address, is_dns_label, is_dns_name
from pidalio.errors import UsageError
from pidalio.platforms.adapter import AdapterSettings
from pidalio.store.hosts import DOMAIN


class KubernetesSettings(AdapterSettings, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """One cluster.

    `kubeconfig` is its file, or several with `:` between them (empty: KUBECONFIG, the account of our own pod,
    `~/.kube/config`), `context` one of its contexts (empty: the current one).
    `namespaces` are read and no others, with commas between them; `namespace_selector` picks them by labels, as
    `kubectl get namespaces -l` does; empty are all.
    `domain` is what the names of services end in, `trust_domain` what the identities of their instances begin with.
    `network` is where pods are that have no label `topology.istio.io/network`.
    With `status`, what becomes of rules is written into their status by one of all control planes that read the same,
    which the Lease `lease` elects (empty: one for each choice of namespaces); it is in `lease_namespace`, else in our
    pod's namespace or the context's.
    `gateway_addresses` are those of the gateway that serves Ingresses, with commas between them, to be shown there.
    """

    kubeconfig: str = ""
    context: str = ""
    namespaces: str = ""
    namespace_selector: str = ""
    domain: str = DOMAIN
    trust_domain: str = DOMAIN
    network: str = ""
    status: bool = True
    lease: str = ""
    lease_namespace: str = ""
    gateway_addresses: str = ""

    def check(self) -> None:
        """Raise `UsageError` for namespaces or domains that are none, or that exclude each other."""
        super().check()
        if self.namespaces and self.namespace_selector:
            raise UsageError("namespaces and namespaceSelector exclude each other")
        for one in self.chosen:
            if not is_dns_label(one):
                raise UsageError(f"namespaces: {one!r} is not a namespace: write them with commas between them")
        if self.lease and not is_dns_name(self.lease):
            raise UsageError(f"lease: {self.lease!r} is not a name: use lower-case letters, digits and dashes")
        if self.lease_namespace and not is_dns_label(self.lease_namespace):
            raise UsageError(f"leaseNamespace: {self.lease_namespace!r} is not a namespace")
        for one in self.addresses:
            if not (is_address(one) or is_dns_name(one)):
                raise UsageError(f"gatewayAddresses: {one!r} is neither an address nor a name")
        for field, value in (("domain", self.domain), ("trustDomain", self.trust_domain)):
            if not is_dns_name(value):
                raise UsageError(f"{field}: {value!r} is not a domain")

    @property
    def chosen(self) -> tuple[str, ...]:
        """Return the namespaces that are named, none for all."""
        return _listed(self.namespaces)

    @property
    def lease_name(self) -> str:
        """Return the Lease's name: who reads other namespaces writes to other objects."""
        if self.lease or not (self.chosen or self.namespace_selector):
            return self.lease or "pidalio"
        choice = f"{sorted(self.chosen)} {self.namespace_selector}"
        return f"pidalio-{zlib.crc32(choice.encode()):08x}"

    @property
    def addresses(self) -> tuple[str, ...]:
        """Return the addresses and names of the gateway, none where its Ingresses are to show none."""
        return _listed(self.gateway_addresses)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part for one in text.split(",") if (part := one.strip())))


class Origin(msgspec.Struct, frozen=True):
    """What the mapping needs to know of a cluster: `platform` is what the mesh calls it."""

    platform: str
    domain: str = DOMAIN
    trust_domain: str = DOMAIN
    network: str = ""
