"""Copies of everything that is kept: made, checked, brought back."""
