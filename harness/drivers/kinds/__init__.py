"""Drivers, one declaration in one file each. They import no library of a chain, as every command loads all of them."""
