"""An application that switches to another protocol whatever it is asked, says who it is, and then echoes."""

import socketserver
import threading


class _Speaker(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        path = self.rfile.readline().split(b" ")[1]
        while self.rfile.readline() not in (b"\r\n", b""):
            pass
        self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        self.wfile.write(self.connection.getsockname()[0].encode() + b" " + path)
        while content := self.connection.recv(65536):
            self.wfile.write(content)


class Switching:
    """Serve on one address."""

    def __init__(self, address: str) -> None:
        self.address = address

    def start(self, port: int = 0) -> "Switching":
        self._server = socketserver.ThreadingTCPServer((self.address, port), _Speaker)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
