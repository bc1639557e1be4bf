"""The live engine: real processes, real sockets, real time."""
