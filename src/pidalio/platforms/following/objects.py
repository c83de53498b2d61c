"""The rule objects of one platform: which trees it said last, and how they become objects of the mesh."""

from collections.abc import Callable, Mapping

from pidalio.api.load import Loaded
from pidalio.api.parse import Skipped, parse
from pidalio.api.places import Places
from pidalio.api.yaml_reader import Document
from pidalio.platforms.adapter import Tree
from pidalio.platforms.following.takes import Takes
from pidalio.platforms.turns import Turns


class Objects:
    """What the platform `name` holds, by the name of the unit that each comes in."""

    def __init__(self, name: str, mesh: Takes) -> None:
        self._name, self._mesh = name, mesh
        self.trees: dict[str, Tree] = {}

    def changes(
        self, units: Mapping[str, Tree | None], complete: bool | Callable[[str], bool]
    ) -> dict[str, Tree | None]:
        """Return what is different from what was said last; with `complete`, what is not named is gone."""
        changed = {name: tree for name, tree in units.items() if self.trees.get(name) != tree}
        if complete:
            is_about = complete if callable(complete) else lambda _: True
            changed |= {name: None for name in self.trees if name not in units and is_about(name)}
        return changed

    async def take(self, units: Mapping[str, Tree | None]) -> None:
        """Make units live; raise `Unavailable` when they cannot be recorded: then nothing was taken."""
        turns = Turns()
        loaded: dict[str, Loaded | None] = {}
        for name, tree in units.items():
            loaded[name] = None if tree is None else _loaded(tree, self._name)
            await turns.give()
        await self._mesh.take_objects(self._name, loaded)
        for name, tree in units.items():
            if tree is None:
                self.trees.pop(name, None)
            else:
                self.trees[name] = tree


def _loaded(tree: Tree, platform: str) -> Loaded:
    result = parse(Document(dict(tree), Places(platform, 0), ()))
    return Loaded((), (result,), ()) if isinstance(result, Skipped) else Loaded((result,), (), ())
