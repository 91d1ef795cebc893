"""How events travel: publisher, worker, topics, dead letters; the only room that knows Kafka."""
