"""How a process on the bus lives: settings, logs, metrics, health, start and stop."""
