"""Short benchmarks of the ingress: ratios against bare aiohttp, never absolute promises."""
