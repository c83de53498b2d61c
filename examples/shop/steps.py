"""What the demo walks through: for each step its rule, the load that is driven, and the shares to expect."""

from dataclasses import dataclass, field

from shares import Share


@dataclass(frozen=True)
class Load:
    """One kind of request, and what is to become of it; shares are keyed by what they count (see `demo.hits`)."""

    path: str
    shares: dict[str, Share]
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return how it is written in the table."""
        said = "".join(f" {name}: {value}" for name, value in self.headers.items())
        return f"GET {self.path}{said}"


@dataclass(frozen=True)
class Step:
    """A change of the rules, or of the instances where there is no file."""

    title: str
    file: str
    loads: tuple[Load, ...]
    may_fail: int = 0
    """A status that callers get by intention, 0 for none."""


ALL_V1 = {"v1": Share("v1", 1.0)}

STEPS = (
    Step("everyone gets version 1", "1-all-to-v1.yaml", (Load("/reviews", ALL_V1),)),
    Step(
        "90 % to version 1 with three instances, 10 % to version 2 with one",
        "2-ninety-ten.yaml",
        (Load("/reviews", {"v1": Share("v1", 0.9), "v2": Share("v2", 0.1)}),),
    ),
    Step(
        "a header sends one user to version 2",
        "3-one-user.yaml",
        (Load("/reviews", {"v2": Share("v2", 1.0)}, {"x-user": "ada"}), Load("/reviews", ALL_V1, {"x-user": "bob"})),
    ),
    Step(
        "by path: what is new comes from version 3",
        "4-by-path.yaml",
        (Load("/reviews/new", {"v3": Share("v3", 1.0)}), Load("/reviews/old", ALL_V1)),
    ),
    Step(
        "10 % aborted by fault injection",
        "5-abort.yaml",
        (Load("/reviews", {"503": Share("aborted with 503", 0.1), "v1": Share("v1", 0.9)}),),
        may_fail=503,
    ),
    Step(
        "10 % delayed by 300 ms",
        "6-delay.yaml",
        (Load("/reviews", {"slow": Share("delayed", 0.1), "v1": Share("v1", 1.0)}),),
    ),
    Step("one instance killed, a new one registered", "", ()),
)
