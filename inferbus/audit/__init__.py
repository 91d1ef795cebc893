"""Checks the books: what Kafka still holds against what is stored, what came in against answers."""
