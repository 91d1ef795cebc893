"""What is measured: inferbus' own services, and the baselines they are compared with."""
