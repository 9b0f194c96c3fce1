"""Other Python queues beside our job layer, on the same Valkey: ``make bench-queues``."""
