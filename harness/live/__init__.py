"""The live engine: real processes, real sockets, on the loopback."""
