"""One file per provider: what it sends, turned into events."""
