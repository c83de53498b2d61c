"""`LocalWorkload` objects as what is started here: a relative working directory is meant from the file it is in."""

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from pidalio.api.local_workload import LocalWorkload
from pidalio.api.object import Object
from pidalio.model import ObjectRef


def with_working_directories(
    objects: Iterable[Object[LocalWorkload]], file_of: Callable[[ObjectRef], str], root: Path
) -> tuple[Object[LocalWorkload], ...]:
    """Return the objects with absolute working directories; without a file they are meant from `root`."""
    return tuple(_located(each, file_of(each.ref), root) for each in objects)


def _located(each: Object[LocalWorkload], file: str, root: Path) -> Object[LocalWorkload]:
    base = Path(file).absolute().parent if file else root
    where = (base / each.spec.working_directory).resolve()
    return msgspec.structs.replace(each, spec=msgspec.structs.replace(each.spec, working_directory=str(where)))
