"""For whom a rule is compiled: what it asks of those who call, and nothing else.

Callers whom no rule tells apart are one `Caller`, so that what is compiled for them exists once.
"""

import msgspec

from pidalio.derive import Database
from pidalio.model import Labels
from pidalio.rules import services
from pidalio.rules.hashing import hash_view
from pidalio.rules.matching import RouteContext
from pidalio.rules.virtual_services import Head
from pidalio.rules.visibility import ANYBODY, Client, Scope
from pidalio.store.tables import Key
from pidalio.store.traits import Trait


class Caller(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """The rule that governs those who call, and what it and names ask about them."""

    rule: Key | None = None
    namespace: str = ""
    labels: Labels = ()
    view: str = ""
    hash_view: Client = ANYBODY

    def context(self, port: int) -> RouteContext:
        """Return for whom the rule's routes are compiled at `port`."""
        return RouteContext("mesh", port, self.namespace, self.labels, self.view, self.hash_view)


def view_of(world: Database, scope: Scope) -> str:
    """Return the namespace from which a scope's callers resolve names, "" where it makes no difference."""
    return scope.namespace if services.has_own_view(world, scope.namespace) else ""


def requester(scope: Scope, rule: Head | None, view: str) -> Caller:
    """Return those of a scope who send requests that `rule` governs."""
    return _caller(scope, rule, view, by_source=rule.by_source if rule else False)


def hashing(world: Database, scope: Scope, caller: Caller, host: str, trait: Trait = Trait.HASHED) -> Caller:
    """Return the caller with the namespace whose rules say what is hashed, where that makes a difference.

    Those who open connections ask for `CONNECTIONS`.
    """
    seen = hash_view(world, scope.client, caller.view, (caller.rule,) if caller.rule else (), (host,), trait)
    return msgspec.structs.replace(caller, hash_view=seen) if seen else caller


def connector(scope: Scope, rule: Head | None, view: str) -> Caller:
    """Return those of a scope who open connections that `rule` governs."""
    return _caller(scope, rule, view, by_source=rule.tcp_by_source if rule else False)


def _caller(scope: Scope, rule: Head | None, view: str, *, by_source: bool) -> Caller:
    if rule is None:
        return Caller(view=view)
    return Caller(rule.key, scope.namespace, scope.labels, view) if by_source else Caller(rule.key, view=view)
