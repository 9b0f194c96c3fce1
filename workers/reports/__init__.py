"""Results as pages for people and tables for programs."""
