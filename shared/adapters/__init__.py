"""Implementations of the ports. Only the composition roots import them."""
