"""How results enter: the HTTP endpoint, authentication, provider adapters, claim check."""
