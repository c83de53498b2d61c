"""Where an API server is and who we are there: what a kubeconfig or a pod's own account comes down to.

Values only; files that they name have absolute paths. Names are those of kubeconfig's format (client-go's
`clientcmd/api/v1`); what is not named here means nothing to us, and what would mean something is refused by name.
"""

from typing import Any

import msgspec


class Extension(msgspec.Struct, frozen=True):
    """Something that a cluster carries for others."""

    name: str
    extension: Any = None


class Cluster(msgspec.Struct, frozen=True, rename="kebab"):
    """How an API server is reached and recognised."""

    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""
    extensions: list[Extension] | None = None


class Variable(msgspec.Struct, frozen=True):
    """A variable of a plugin's environment."""

    name: str
    value: str = ""


class Plugin(msgspec.Struct, frozen=True, rename="camel"):
    """A program that prints credentials."""

    command: str
    api_version: str
    args: list[str] | None = None
    env: list[Variable] | None = None
    interactive_mode: str = ""
    provide_cluster_info: bool = False
    install_hint: str = ""


class User(msgspec.Struct, frozen=True, rename="kebab"):
    """Who we are: the fields that are spelled in camel case in kubeconfig have that name here, too."""

    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    username: str = ""
    password: str = ""
    exec: Plugin | None = None
    impersonated: str = msgspec.field(default="", name="as")
    auth_provider: Any = None


class Target(msgspec.Struct, frozen=True):
    """One API server, and who we are there; `said` names where that is written, for messages.

    `namespace` is the one that is meant where none is named.
    """

    said: str
    cluster: Cluster
    user: User
    namespace: str = "default"
