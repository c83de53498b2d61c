"""A server with TLS that knows its callers by a token or a certificate, as an API server does, and says who called."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from pidalio.agent.certificates import create_authority, issue


class Asked:
    """What a server saw; `accepted` are the values of Authorization that it knows."""

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        self.server = create_authority(folder, names, days=1)
        self.client = issue(folder, "client", days=1)
        self.accepted: set[str] = set()
        self.headers: list[str] = []
        self.subjects: list[str] = []
        self.answered: dict[str, str] = {}
        self.url = ""

    @property
    def ca(self) -> Path:
        return self.server.authority

    async def answer(self, request: web.Request) -> web.Response:
        self.headers.append(request.headers.get("Authorization", ""))
        shown = request.transport.get_extra_info("peercert") if request.transport else None
        self.subjects.append("" if not shown else shown["subject"][0][0][1])
        known = self.headers[-1] in self.accepted or bool(self.subjects[-1])
        return web.Response(status=200 if known else 401, text="ok", headers=self.answered)


@contextlib.asynccontextmanager
async def serving(folder: Path, *names: str) -> AsyncIterator[Asked]:
    """Yield a server whose certificate is for `names`, else for 127.0.0.1."""
    asked = Asked(folder, names or ("127.0.0.1",))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(asked.ca))
    tls.load_cert_chain(asked.server.certificate, asked.server.key)
    tls.verify_mode = ssl.CERT_OPTIONAL
    app = web.Application()
    app.router.add_get("/{rest:.*}", asked.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    asked.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield asked
    finally:
        await runner.cleanup()
