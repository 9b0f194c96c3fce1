"""Measuring pipelines: several at once over one window, watched by what the machine says of itself."""
