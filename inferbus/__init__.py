"""The command line, and `inferbus.callback` for client code."""
