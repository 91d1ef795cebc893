"""One module per command, imported when the command runs; each has `run(...) -> exit status`."""
