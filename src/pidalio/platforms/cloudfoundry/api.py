"""The Cloud Controller's v3 API: routes with their weights, apps with their names and labels, processes on demand.

Invariant: an answer is read whole, page by page, or not at all; a token is asked for anew before it expires, and once
more when it is refused. Source: the documentation of the CF API v3 and of UAA.
"""

import base64
import time
from collections.abc import AsyncIterator, Mapping
from typing import Final, TypeVar
from urllib.parse import urljoin

import aiohttp
import msgspec

from pidalio.errors import PlatformUnavailable
from pidalio.model import labels_of
from pidalio.platforms.asking import asked, read, session, tls_context
from pidalio.platforms.cloudfoundry.known import AppInfo, Destination, Known
from pidalio.platforms.cloudfoundry.messages import Uri, uri_of
from pidalio.platforms.cloudfoundry.settings import CloudFoundrySettings

T = TypeVar("T")
_PAGE: Final = "1000"
_MOST_PAGES: Final = 1000
_EARLY: Final = 60.0
"""Seconds before it expires at which a token is asked for anew, at most half of its life."""


class _Ref(msgspec.Struct, frozen=True):
    guid: str = ""


class _One(msgspec.Struct, frozen=True):
    data: _Ref | None = None


class _Process(msgspec.Struct, frozen=True):
    type: str = "web"


class _App(msgspec.Struct, frozen=True):
    guid: str
    process: _Process | None = None


class _Destination(msgspec.Struct, frozen=True):
    app: _App | None = None
    weight: int | None = None


class _Route(msgspec.Struct, frozen=True):
    url: str
    protocol: str = "http"
    destinations: list[_Destination] = []


class _Metadata(msgspec.Struct, frozen=True):
    labels: dict[str, str | None] | None = None


class _Related(msgspec.Struct, frozen=True):
    space: _One = _One()
    organization: _One = _One()


class _Named(msgspec.Struct, frozen=True):
    """An app, a space or an organization."""

    guid: str
    name: str = ""
    metadata: _Metadata = _Metadata()
    relationships: _Related = _Related()


class _Included(msgspec.Struct, frozen=True):
    spaces: list[_Named] = []
    organizations: list[_Named] = []


class _Link(msgspec.Struct, frozen=True):
    href: str = ""


class _Root(msgspec.Struct, frozen=True):
    links: dict[str, _Link | None] = {}


class _Pagination(msgspec.Struct, frozen=True):
    next: _Link | None = None


class _Page(msgspec.Struct, frozen=True):
    resources: list[msgspec.Raw]
    pagination: _Pagination = _Pagination()
    included: _Included = _Included()


class _Stat(msgspec.Struct, frozen=True):
    state: str
    instance_guid: str = ""
    routable: bool | None = None


class _Stats(msgspec.Struct, frozen=True):
    resources: list[_Stat]


class _Token(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: float = 600.0


class Api:
    """One Cloud Controller; to be closed."""

    def __init__(self, settings: CloudFoundrySettings) -> None:
        self._settings = settings
        self._token, self._until = "", 0.0
        self._uaa = settings.uaa
        self._client: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def read(self) -> Known:
        """Return all that is known of routes and apps; raise `PlatformUnavailable`."""
        weights: dict[Uri, Mapping[Destination, int]] = {}
        hosts: set[str] = set()
        async for page in self._pages("/v3/routes"):
            for raw in page.resources:
                _take_route(_made(raw, _Route, "a route"), weights, hosts)
        apps: dict[str, AppInfo] = {}
        async for page in self._pages("/v3/apps", include="space.organization"):
            spaces = {one.guid: one for one in page.included.spaces}
            organizations = {one.guid: one for one in page.included.organizations}
            for raw in page.resources:
                app = _made(raw, _Named, "an app")
                apps[app.guid] = _info(app, spaces, organizations)
        return Known(apps, weights, hosts=frozenset(hosts))

    async def instances(self, process: str) -> Mapping[str, bool] | None:
        """Return the running instances of a process by id, and whether each may be routed to; None: no such process."""
        body = await self._get(f"/v3/processes/{process}/stats", missing=True)
        if body is None:
            return None
        stats = _made(body, _Stats, "the stats of a process").resources
        return {one.instance_guid: one.routable is not False for one in stats if one.state == "RUNNING"}

    async def _pages(self, path: str, **params: str) -> AsyncIterator[_Page]:
        url, query = path, {"per_page": _PAGE, **params}
        for _ in range(_MOST_PAGES):
            body = await self._get(url, query)
            page = _made(body or b"", _Page, f"a page of {path}")
            yield page
            if page.pagination.next is None or not page.pagination.next.href:
                return
            url, query = page.pagination.next.href, {}
        raise PlatformUnavailable(f"{path} has more than {_MOST_PAGES} pages")

    async def _get(self, path: str, params: Mapping[str, str] | None = None, *, missing: bool = False) -> bytes | None:
        """Return an answer's body, None for what is missing where that may be; a refused token is asked for anew."""
        url = urljoin(self._settings.api, path)
        if not url.startswith(self._settings.api.rstrip("/") + "/"):
            raise PlatformUnavailable(f"the API leads elsewhere, where its token is not shown: {url}")
        for fresh in (False, True):
            headers = {"Authorization": f"bearer {await self._bearer(fresh=fresh)}"}
            wanted = {200, 404} if missing else {200}
            accepted = wanted if fresh else wanted | {401}
            async with asked(
                self._session(), "GET", url, params=params or None, headers=headers, accepts=accepted.__contains__
            ) as answer:
                if answer.status == 401:
                    continue
                return None if answer.status == 404 else await read(answer)
        return None

    async def _bearer(self, *, fresh: bool) -> str:
        now = time.monotonic()
        if self._token and not fresh and now < self._until:
            return self._token
        if not self._uaa:
            self._uaa = await self._find_uaa()
        form = {"grant_type": "client_credentials", "response_type": "token"}
        login = f"{self._settings.client}:{self._settings.client_secret()}".encode()
        body = await self._plain("POST", f"{self._uaa.rstrip('/')}/oauth/token", form, login)
        token = _made(body, _Token, "a token")
        self._token = token.access_token
        self._until = now + max(token.expires_in - _EARLY, token.expires_in / 2)
        return self._token

    async def _find_uaa(self) -> str:
        """Return the URL of the UAA that the API names."""
        root = _made(await self._plain("GET", self._settings.api.rstrip("/") + "/"), _Root, "its links")
        found = next((link.href for name in ("uaa", "login") if (link := root.links.get(name)) and link.href), "")
        if not found:
            raise PlatformUnavailable("the API does not say where its UAA is: state uaa", is_lasting=True)
        return found

    async def _plain(self, method: str, url: str, form: Mapping[str, str] | None = None, login: bytes = b"") -> bytes:
        headers = {"Accept": "application/json"}
        if login:
            headers["Authorization"] = f"Basic {base64.b64encode(login).decode()}"
        accepted = {200, 401} if login else {200}
        async with asked(
            self._session(), method, url, form=form, headers=headers, accepts=accepted.__contains__
        ) as answer:
            if answer.status == 401:
                why = f"{url} refuses the client (401): check client and secret"
                raise PlatformUnavailable(why, is_lasting=True)
            return await read(answer)

    def _session(self) -> aiohttp.ClientSession:
        if self._client is None:
            ca = self._settings.api_ca
            self._client = session(tls_context(ca) if ca else None, connections=4)
        return self._client


def _take_route(route: _Route, weights: dict[Uri, Mapping[Destination, int]], hosts: set[str]) -> None:
    """Note the weights of a route for HTTP, and its host where it leads somewhere; of any other there is nothing."""
    uri = uri_of(route.url)
    if uri is None or route.protocol != "http" or not route.destinations:
        return
    hosts.add(uri[0])
    found: dict[Destination, int] = {}
    for one in route.destinations:
        if one.app is not None and one.weight is not None:
            key = (one.app.guid, one.app.process.type if one.app.process else "web")
            found[key] = found.get(key, 0) + one.weight
    if found:
        weights[uri] = found


def _info(app: _Named, spaces: Mapping[str, _Named], organizations: Mapping[str, _Named]) -> AppInfo:
    guid = app.relationships.space.data.guid if app.relationships.space.data else ""
    space = spaces.get(guid)
    above = space.relationships.organization.data if space else None
    organization = organizations.get(above.guid) if above else None
    stated = app.metadata.labels or {}
    return AppInfo(
        app.name,
        guid,
        space.name if space else "",
        above.guid if above else "",
        organization.name if organization else "",
        labels_of({name: value for name, value in stated.items() if value is not None}),
    )


def _made(body: bytes | msgspec.Raw, kind: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise PlatformUnavailable(f"the API answers something else than {what}: {error}") from error
