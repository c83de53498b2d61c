"""A gRPC service without generated code: `/greeter.Greeter/Greet` answers with its version."""

import os
from concurrent import futures

import grpc


def greet(request: bytes, _: grpc.ServicerContext) -> bytes:
    return f"hello {request.decode()} from {os.environ['VERSION']}".encode()


server = grpc.server(futures.ThreadPoolExecutor(), options=[("grpc.so_reuseport", 0)])
method = grpc.unary_unary_rpc_method_handler(greet)
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("greeter.Greeter", {"Greet": method}),))
server.add_insecure_port(f"{os.environ['HOST']}:{os.environ['PORT']}")
server.start()
server.wait_for_termination()
