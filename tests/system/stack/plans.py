"""The two stacks that the tests look at, as an operator would ask for them."""

from compose import Plan

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
