"""One file per provider: what it sends, turned into events."""

from collections.abc import Mapping

from ingest.providers import deepinfra
from ingest.providers.base import Provider

PROVIDERS: Mapping[str, Provider] = {provider.name: provider for provider in (deepinfra.PROVIDER,)}
