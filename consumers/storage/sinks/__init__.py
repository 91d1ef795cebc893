"""Where storage writes: one file per sink."""
