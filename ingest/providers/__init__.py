"""
One file per provider: what it sends, turned into events.

Every module here that has a `PROVIDER` is one; there is no list to keep.
"""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules

from ingest.providers.base import Provider


def _found() -> Mapping[str, Provider]:
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    providers: list[Provider] = [m.PROVIDER for m in modules if hasattr(m, "PROVIDER")]
    return {provider.name: provider for provider in providers}


PROVIDERS: Mapping[str, Provider] = _found()
