"""The whole way on one machine, with simulated feeds and destinations: `make demo`."""
