"""Where models come from: an https address, or a wheel of the Python package index."""
