"""What figures mean: steady windows, intervals, searches and verdicts. Pure; no clock, no process, no library."""
