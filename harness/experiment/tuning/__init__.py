"""Settings of a chain, tried out in virtual time."""
