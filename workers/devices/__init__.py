"""The hardware of this host: what there is, whether it is still there, how much of its memory is free."""
