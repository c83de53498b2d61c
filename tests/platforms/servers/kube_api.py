"""What tests ask of a Kubernetes API server: objects as plain dictionaries over HTTP.

Each call has a connection of its own, so a client belongs to no event loop and outlives the server's restarts.
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import Any

import httpx

Object = dict[str, Any]
CLUSTER_WIDE = {"Namespace", "Node", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "IngressClass"}

NOT_YET = {404, 429, 503}  # not there, its storage is being prepared, nobody answers for it


class Refused(Exception):
    """The API server said no; `code` is the HTTP status, the text its message."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


def plural(kind: str) -> str:
    """Return the word that stands in paths."""
    word = kind.lower()
    if word.endswith(("s", "x", "ch")):
        return word + "es"
    return word[:-1] + "ies" if word.endswith("y") and word[-2] not in "aeiou" else word + "s"


def path_of(api: str, kind: str, namespace: str = "default", name: str = "") -> str:
    """Return the path of an object, or of its collection: `path_of("v1", "Pod", "shop", "web-1")`."""
    root = f"/api/{api}" if "/" not in api else f"/apis/{api}"
    within = "" if kind in CLUSTER_WIDE else f"/namespaces/{namespace}"
    return f"{root}{within}/{plural(kind)}" + (f"/{name}" if name else "")


def path_of_object(given: Object) -> str:
    """Return the path of an object that has a name."""
    about = given["metadata"]
    return path_of(given["apiVersion"], given["kind"], about.get("namespace", "default"), about["name"])


class KubeApi:
    """Calls with one token."""

    def __init__(self, url: str, trust: ssl.SSLContext, token: str) -> None:
        self.url, self.trust, self.token = url, trust, token

    async def call(
        self, method: str, path: str, body: Object | None = None, *, form: str = "json", **query: Any
    ) -> Any:
        """Call; return the answer's JSON; `Refused` for anything from 400 on."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": f"application/{form}"}
        async with httpx.AsyncClient(verify=self.trust, timeout=60) as http:
            answer = await http.request(method, self.url + path, json=body, headers=headers, params=query)
        if answer.status_code >= 400:
            raise Refused(answer.status_code, answer.text)
        return answer.json()

    async def create(self, given: Object) -> Object:
        """Create an object; return it as the server has it."""
        return await self.call("POST", path_of_object(given).rpartition("/")[0], given)

    async def apply(self, given: Object) -> Object:
        """Create an object, or change what it says (server-side apply)."""
        query = {"fieldManager": "test", "force": "true"}
        return await self.call("PATCH", path_of_object(given), given, form="apply-patch+yaml", **query)

    async def set_status(self, given: Object, status: Object) -> Object:
        """Change an object's status, as the one who runs it would."""
        return await self.call("PATCH", path_of_object(given) + "/status", {"status": status}, form="merge-patch+json")

    async def get(self, api: str, kind: str, namespace: str = "default", name: str = "", **query: Any) -> Any:
        """Return an object, or a list of all of its namespace."""
        return await self.call("GET", path_of(api, kind, namespace, name), **query)

    async def delete(self, given: Object, **query: Any) -> None:
        """Delete an object; `gracePeriodSeconds=0` ends a pod that nobody runs."""
        await self.call("DELETE", path_of_object(given), **query)

    async def until(self, holds: Callable[[Any], bool], path: str, patience: float = 60.0) -> Any:
        """Return what is at a path once the condition holds for it; a kind that is just being defined is waited for."""
        end = time.monotonic() + patience
        found: Any = None
        while True:
            try:
                found = await self.call("GET", path)
                if holds(found):
                    return found
            except Refused as refusal:
                if refusal.code not in NOT_YET:
                    raise
                found = refusal
            assert time.monotonic() < end, f"{path} stays {found}"
            await asyncio.sleep(0.05)
