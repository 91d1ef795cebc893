"""Plays DeepInfra against an endpoint: its bodies, its HEAD probe, its retries."""
