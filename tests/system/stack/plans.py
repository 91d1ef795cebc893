"""The two stacks that the tests look at, as an operator would ask for them."""

import os

import pytest
from compose import Plan

FULL = os.environ.get("INFERBUS_TEST_STACK") == "full"
full_form_only = pytest.mark.skipif(
    not FULL, reason="the stack's short form: INFERBUS_TEST_STACK=full runs all of it"
)
"""Marks what the short form leaves out: another test breaks the same place more rudely."""

# Without Grafana: no test looks at its pages.
PLAIN = Plan(
    "plain",
    profiles=("observability",),
    services=("ingest", "storage", "alerting", "prometheus", "alertmanager"),
)

PASSWORD = "stack-test"
EVERYTHING = Plan(
    "everything",
    profiles=("cluster", "postgres", "demo"),
    variables={
        "INFERBUS_STORAGE__URL": f"postgresql+psycopg://inferbus:{PASSWORD}@postgres:5432/inferbus",
        "POSTGRES_PASSWORD": PASSWORD,
        "KAFKA_OFFSETS_REPLICAS": "3",
        "DEMO_RATE": "10",
    },
)
