"""Where events go: storage and alerting."""
