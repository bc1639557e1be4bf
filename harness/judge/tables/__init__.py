"""A history as tables: requests, attempts, pairs of attempts, journeys, outages."""
