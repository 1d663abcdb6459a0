"""The outside world, simulated: Alkami's feeds and the destinations' strict doubles."""
