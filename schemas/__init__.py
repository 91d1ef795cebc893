"""What is said on the bus: events, deliveries, alerts, dead letters and their published schemas."""
