"""The spool: a durable journal on local disk that holds what Kafka has not acknowledged."""
