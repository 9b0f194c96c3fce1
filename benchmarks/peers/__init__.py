"""Other model servers, with the network, the weights and the question that we serve: ``make bench-peers``."""
