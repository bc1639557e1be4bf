"""A Python function as the chain: import it where and as the application would, call it, make answers of what it returns."""
