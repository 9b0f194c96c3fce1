"""What the gateway does: knows ports, not HTTP."""
