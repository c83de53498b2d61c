"""Write plain trees as YAML that every reader understands alike: ours (YAML 1.2) and Kubernetes' (YAML 1.1).

PyYAML quotes text that YAML 1.1 would take for something else; what only YAML 1.2 would (`0o17`, `1E5`) is added here.
"""

import re
from collections.abc import Sequence
from typing import Any

import yaml


class _Writer(yaml.CSafeDumper):
    """A dumper that quotes text which is a number in YAML 1.2."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        """Repeat shared values instead of naming them."""
        return True


_Writer.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)
_Writer.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^0o[0-7]+$"), ["0"])


def write(trees: Sequence[Any]) -> str:
    """Return the YAML of one or more documents; keys keep their order."""
    text: str = yaml.dump_all(
        trees, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=120, explicit_start=len(trees) > 1
    )
    return text
