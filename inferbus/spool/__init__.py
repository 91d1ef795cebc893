"""What the spools hold, and publishing what no running ingest looks after."""
