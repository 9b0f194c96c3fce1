"""A photo becomes a letter through the queue, on this machine: ``python -m client.demo``."""
