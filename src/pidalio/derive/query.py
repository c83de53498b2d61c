"""Owns `@derived`: it turns a pure function of the world into a query whose answers are remembered.

Invariant: a call returns what the plain function would return now, and the calling query is noted as its reader.
"""

from collections.abc import Callable
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

if TYPE_CHECKING:
    from pidalio.derive.database import Database

P = ParamSpec("P")
R = TypeVar("R")
Function = Callable[Concatenate["Database", P], R]


class Query(Generic[P, R]):
    """A derived value: call it like the function it was made from, with hashable positional arguments.

    Equal arguments are one call (`1`, `1.0` and `True` are equal). Queries are equal only to themselves.
    """

    def __init__(self, function: "Callable[Concatenate[Database, P], R]", *, output: bool, intern: bool) -> None:
        update_wrapper(self, function)
        self.name: str = function.__name__
        self.function: Callable[..., R] = function
        self.output = output
        self.intern = intern

    def __repr__(self) -> str:
        return f"<derived {self.name}>"

    def __call__(self, world: "Database", *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the answer for `args`, remembered or computed now."""
        if kwargs:
            raise TypeError(f"{self.name}: pass arguments by position, they are the name of the answer")
        node = world.memos[self].get(args)
        if node is None or node.height >= world.floor:
            node = world.fetch(self, args, node)
        if world.frame is not None:
            world.frame[node] = None
        value: R = node.value
        return value


AnyQuery = Query[..., Any]


@overload
def derived(function: "Callable[Concatenate[Database, P], R]") -> Query[P, R]: ...
@overload
def derived(
    *, output: bool = False, intern: bool = False
) -> "Callable[[Callable[Concatenate[Database, P], R]], Query[P, R]]": ...
def derived(function: Any = None, *, output: bool = False, intern: bool = False) -> Any:
    """Make a query of a pure, total function of (world, *hashable arguments).

    Its result must be immutable and have `==`: equality decides what wakes.
    `output`: changes of its answers are reported by `Database.apply`.
    `intern`: equal answers for different arguments are one object; they must be hashable.
    """
    if function is None:
        return lambda function: Query(function, output=output, intern=intern)
    return Query(function, output=output, intern=intern)
