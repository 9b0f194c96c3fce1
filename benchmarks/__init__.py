"""Programs that measure. Each prints what it compares side by side, taken in the same run."""
