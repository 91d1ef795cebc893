"""
structlog without rich, which it imports where there is one, for tracebacks that nobody asks for.

Ours are JSON, or Python's own on a terminal; rich and what it brings would take an eighth of
every start, and 7 MB of each process.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

_USES_RICH = "structlog.dev"


def log_plainly() -> None:
    """Keep structlog from importing rich; called before a program imports what it needs."""
    if _USES_RICH not in sys.modules:
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _USES_RICH:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _WithoutRich(fullname, spec.origin)
        return spec


class _WithoutRich(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment] # None: not to be imported
        is_hidden = modules.setdefault("rich", None) is None
        try:
            super().exec_module(module)
        finally:
            if is_hidden:
                del modules["rich"]
