"""The reference chain: our own policy, hosted."""
