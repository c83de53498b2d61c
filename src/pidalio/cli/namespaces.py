"""The option `-n`: the namespace of objects that name none."""

from collections.abc import Callable
from typing import Any

import click


class Namespace(click.ParamType[str]):
    """A name as Kubernetes gives namespaces."""

    name = "namespace"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name; fail where an object of that namespace would be refused."""
        from pidalio.api.names import is_dns_label

        if not is_dns_label(str(value)):
            self.fail(f"{value!r} is no namespace: lower-case letters, digits and '-', at most 63 of them", param, ctx)
        return str(value)


def namespace_option(explained: str = "Namespace of objects that name none.") -> Callable[[Any], Any]:
    """Return the option."""
    return click.option(
        "-n", "--namespace", type=Namespace(), metavar="NAME", default="default", show_default=True, help=explained
    )
