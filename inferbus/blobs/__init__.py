"""What refers to blobs, whether it still can, and what nothing refers to."""
