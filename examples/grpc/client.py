"""Calls a target a number of times and counts the answers: `client.py TARGET CALLS [HEADER=VALUE]`."""

import sys
from collections import Counter

import grpc

target, calls, *headers = sys.argv[1:]
metadata = [tuple(header.split("=", 1)) for header in headers]
with grpc.insecure_channel(target) as channel:
    greet = channel.unary_unary("/greeter.Greeter/Greet")
    answers = Counter(greet(b"you", metadata=metadata, timeout=30).decode() for _ in range(int(calls)))
for answer, count in sorted(answers.items()):
    print(f"{count} x {answer}")
