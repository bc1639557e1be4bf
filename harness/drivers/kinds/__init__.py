"""Drivers, one declaration in one file each. They import no library of a chain's: whoever reads a chain file loads all of them."""
