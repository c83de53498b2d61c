"""A program that calls over gRPC's own xDS client, told what to do by lines of JSON; never imported by tests.

Each line has `target`, `calls` and may have `method`, `metadata`, `timeout` and `at_once`; the answer counts what came
back, by text or status.
"""

import json
import sys
from collections import Counter

import grpc


def tell(call: grpc.Future) -> str:
    try:
        return call.result().decode()
    except grpc.RpcError as error:
        return error.code().name


def main() -> None:
    channels: dict[str, grpc.Channel] = {}
    print("ready", flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        channel = channels.get(task["target"])
        if channel is None:
            channel = channels[task["target"]] = grpc.insecure_channel(f"xds:///{task['target']}")
        ask = channel.unary_unary(task.get("method", "/shop.Reviews/Get"))
        metadata = [tuple(pair) for pair in task.get("metadata", ())]
        timeout = task.get("timeout", 20)
        if task.get("at_once"):
            calls = [ask.future(b"", metadata=metadata, timeout=timeout) for _ in range(task["calls"])]
            found = Counter(map(tell, calls))
        else:
            found = Counter(tell(ask.future(b"", metadata=metadata, timeout=timeout)) for _ in range(task["calls"]))
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
