"""The hand: typed SDK, the `framelane` command line and the local supervisor."""
