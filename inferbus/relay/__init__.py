"""The relay's program, and starting it."""
