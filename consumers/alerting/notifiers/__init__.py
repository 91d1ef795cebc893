"""Who is told: one file per notifier."""
