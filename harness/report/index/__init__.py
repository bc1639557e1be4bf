"""What is kept, as a page and on a terminal. It imports no table library, so that it answers at once."""
