"""The relay: a process of its own that publishes what the ingress has journaled and answered."""
