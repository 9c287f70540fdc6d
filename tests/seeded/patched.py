"""The product with one bug put in: the text of a module is changed before Python compiles it, and nothing on disk is.

A patch names its place by the text that stands there. If the product's text has changed, the patch fits no more; that
is an error and never a bug that quietly is not there.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any


class PatchError(Exception):
    """A patch does not fit the product any more: which one, and what to do."""


@dataclass(frozen=True)
class Patch:
    """In the source of `module` the text `right` becomes `wrong`."""

    module: str
    right: str
    wrong: str

    def applied(self, source: str) -> str:
        """The source with it. Raises PatchError unless `right` stands there once."""
        count = source.count(self.right)
        if count != 1:
            raise PatchError(
                f"{self.module}: stands there {count} times, and should once; look at the module as it is now, and "
                f"write the patch anew:\n{self.right}"
            )
        return source.replace(self.right, self.wrong)


def check(patches: Iterable[Patch]) -> None:
    """Raises PatchError if one of them does not fit, or makes no Python."""
    for module, mine in _by_module(patches).items():
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:
            raise PatchError(f"{module}: is gone; write its patch for the module that has its code now")
        source = Path(spec.origin).read_text(encoding="utf-8")
        for patch in mine:
            source = patch.applied(source)
        compile(source, spec.origin, "exec")


def put_in(patches: Iterable[Patch]) -> None:
    """From now on these modules are imported with the bug. Raises PatchError if one was imported already."""
    found = _by_module(patches)
    known = [name for name in found if name in sys.modules]
    if known:
        raise PatchError(f"{', '.join(known)}: imported already; put the bug in first")
    sys.meta_path.insert(0, _Finder(found))


def _by_module(patches: Iterable[Patch]) -> dict[str, list[Patch]]:
    found: dict[str, list[Patch]] = defaultdict(list)
    for patch in patches:
        found[patch.module].append(patch)
    return dict(found)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, patches: dict[str, list[Patch]]) -> None:
        self._patches = patches

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Of a module that has a bug; all others are found as always."""
        if name not in self._patches:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.origin is None:
            raise PatchError(f"{name}: cannot be found")
        spec.loader = _Loader(name, spec.origin, self._patches[name])
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, patches: list[Patch]) -> None:
        super().__init__(name, path)
        self._mine = patches

    def get_code(self, fullname: str) -> CodeType | None:
        """Compiled from the changed text; no cache knows of it."""
        source = self.get_data(self.path).decode("utf-8")
        for patch in self._mine:
            source = patch.applied(source)
        code: Any = compile(source, self.path, "exec", dont_inherit=True)
        return code if isinstance(code, CodeType) else None
