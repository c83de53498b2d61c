"""A gRPC application with one method of each kind, which says what it was asked and which instance it is."""

from concurrent.futures import ThreadPoolExecutor

import grpc

SERVICE = "test.Echo"
_KINDS = {
    "Say": (grpc.unary_unary_rpc_method_handler, "unary_unary"),
    "Count": (grpc.unary_stream_rpc_method_handler, "unary_stream"),
    "Gather": (grpc.stream_unary_rpc_method_handler, "stream_unary"),
    "Chat": (grpc.stream_stream_rpc_method_handler, "stream_stream"),
}


class Application:
    """Serve on one address; `tries` counts the calls of `Say`."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.tries = 0
        self._server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
        handlers = {name: make(getattr(self, f"_{name.lower()}")) for name, (make, _) in _KINDS.items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        self.port = 0

    def start(self, port: int = 0) -> "Application":
        self.port = self._server.add_insecure_port(f"{self.address}:{port}")
        self._server.start()
        return self

    def stop(self) -> None:
        self._server.stop(None).wait(10)

    def _say(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        self.tries += 1
        told = dict(context.invocation_metadata())
        context.set_trailing_metadata((("x-from", self.address), ("x-tries", str(self.tries))))
        if self.tries <= int(told.get("x-fails", "0")):
            context.abort(grpc.StatusCode.UNAVAILABLE, "told to")
        if "x-abort" in told:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "told to")
        return request

    def _count(self, request: bytes, context: grpc.ServicerContext):
        context.set_trailing_metadata((("x-from", self.address),))
        for number in range(int(request)):
            yield str(number).encode()

    def _gather(self, requests, context: grpc.ServicerContext) -> bytes:
        return b"+".join(requests)

    def _chat(self, requests, context: grpc.ServicerContext):
        for request in requests:
            yield request + b"!"


def method(channel: grpc.Channel, name: str):
    """Return the callable of one method on `channel`; messages are bytes."""
    return getattr(channel, _KINDS[name][1])(f"/{SERVICE}/{name}")
