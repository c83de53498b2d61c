"""etcd's answers as its JSON gateway writes them, and only the fields that are read; msgspec undoes base64."""

import msgspec


class Header(msgspec.Struct):
    """Of which cluster, as of which revision."""

    revision: int = 0
    cluster_id: str = ""


class Pair(msgspec.Struct):
    """A key with its value, and the revision at which it was changed last."""

    key: bytes = b""
    value: bytes = b""
    mod_revision: int = 0


class Range(msgspec.Struct):
    """One page of keys; `count` is of all pages."""

    header: Header = msgspec.field(default_factory=Header)
    kvs: list[Pair] = []
    more: bool = False
    count: int = 0


class Found(msgspec.Struct):
    """All keys below a prefix, as of one revision."""

    revision: int
    cluster: str
    pairs: dict[str, Pair] = {}


class Response(msgspec.Struct):
    """What one step of a transaction answered."""

    response_range: Range | None = None


class Answered(msgspec.Struct):
    """What became of a transaction."""

    header: Header = msgspec.field(default_factory=Header)
    succeeded: bool = False
    responses: list[Response] = []

    @property
    def there(self) -> Pair | None:
        """Return what is there instead, None where nothing is."""
        pages = (one.response_range for one in self.responses if one.response_range)
        return next((page.kvs[0] for page in pages if page.kvs), None)


class Granted(msgspec.Struct):
    """A new lease."""

    id: str = msgspec.field(name="ID", default="")


class Token(msgspec.Struct):
    """What a login gave."""

    token: str = ""


class Failure(msgspec.Struct):
    """Why etcd refuses; old versions say `error`, new ones `message`."""

    message: str = ""
    error: str = ""

    @property
    def text(self) -> str:
        """Return the reason."""
        return self.message or self.error


class Event(msgspec.Struct):
    """One change; etcd leaves `type` out for a key that was written."""

    kv: Pair = msgspec.field(default_factory=Pair)
    type: str = "PUT"

    @property
    def is_deletion(self) -> bool:
        """Tell whether the key is gone: by a call, or because its lease ended."""
        return self.type == "DELETE"


class WatchResult(msgspec.Struct):
    """One message of a watch, or of a lease's renewal."""

    header: Header = msgspec.field(default_factory=Header)
    created: bool = False
    canceled: bool = False
    compact_revision: int = 0
    cancel_reason: str = ""
    events: list[Event] = []
    ttl: int = msgspec.field(name="TTL", default=0)


class WatchLine(msgspec.Struct):
    """One line of a stream."""

    result: WatchResult | None = None
    error: Failure | None = None
