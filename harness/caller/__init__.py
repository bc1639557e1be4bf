"""What callers send, and what they make of an answer: the same in both engines."""
