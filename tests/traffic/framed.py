"""A server of HTTP/2 that answers 200 to everything, and remembers its connections and their pings."""

import socketserver
import threading
from dataclasses import dataclass, field

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEADERS, _SETTINGS, _PING = 1, 4, 6
_ACK, _END, _END_HEADERS = 1, 1, 4
_OK = b"\x88"
"""`:status: 200` as HPACK's static table has it."""


@dataclass
class Framed:
    """The first `together` answers are held back until so many requests are there; one that is `mute` answers no ping."""

    together: int = 1
    mute: bool = False
    connections: int = 0
    requests: int = 0
    ended: int = 0
    pings: int = 0
    news: threading.Condition = field(default_factory=threading.Condition)

    def start(self, address: str) -> "Framed":
        owner = self

        class _Talk(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                owner._talk(self.request.makefile("rwb", buffering=0))
                with owner.news:
                    owner.ended += 1
                    owner.news.notify_all()

        self._server = socketserver.ThreadingTCPServer((address, 0), _Talk)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def _talk(self, stream) -> None:
        if stream.read(len(_PREFACE)) != _PREFACE:
            return
        lock = threading.Lock()
        with self.news:
            self.connections += 1

        def send(kind: int, flags: int, number: int, payload: bytes = b"") -> None:
            with lock:
                stream.write(len(payload).to_bytes(3) + bytes([kind, flags]) + number.to_bytes(4) + payload)

        def answer(number: int) -> None:
            with self.news:
                self.requests += 1
                self.news.notify_all()
                self.news.wait_for(lambda: self.requests >= self.together)
            send(_HEADERS, _END | _END_HEADERS, number, _OK)

        send(_SETTINGS, 0, 0)
        while len(head := stream.read(9) or b"") == 9:
            length, kind, flags = int.from_bytes(head[:3]), head[3], head[4]
            payload = b""
            while len(payload) < length:
                payload += stream.read(length - len(payload))
            if kind == _SETTINGS and not flags & _ACK:
                send(_SETTINGS, _ACK, 0)
            elif kind == _PING and not flags & _ACK:
                if not self.mute:
                    send(_PING, _ACK, 0, payload)
                with self.news:
                    self.pings += 1
                    self.news.notify_all()
            elif kind == _HEADERS:
                threading.Thread(target=answer, args=(int.from_bytes(head[5:]),), daemon=True).start()
