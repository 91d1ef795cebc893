"""Several processes behind one endpoint, and the parent that looks after them."""
