"""The sim engine: the same plan on the same chain code, in virtual time."""
