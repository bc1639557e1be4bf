"""A finished run for other programs: tables and traces."""
