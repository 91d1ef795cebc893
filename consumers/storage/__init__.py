"""Events into SQLite or PostgreSQL, each exactly once."""
