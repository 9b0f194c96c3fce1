"""The whole system on one machine, started by this process."""
