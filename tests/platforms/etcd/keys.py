"""Keys and values as etcd's JSON gateway takes them."""

import base64


def text(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def put_of(key: str, value: str) -> dict[str, str]:
    return {"key": text(key), "value": text(value)}
