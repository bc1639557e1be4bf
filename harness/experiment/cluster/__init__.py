"""Simulations on the workers of a Dask cluster: what travels, both ends, and who takes the place of the own processes."""
