"""How a provider answers: a call in, a Reply out. Pure: no clock, no random source, no socket, no file."""
