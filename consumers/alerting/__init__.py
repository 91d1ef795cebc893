"""Failures told to people."""
