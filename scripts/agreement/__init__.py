"""Hold live runs against the same plans in virtual time, and write the page about it."""
