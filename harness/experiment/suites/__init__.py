"""Suites: every scenario on every chain with every seed, on either engine, in one scorecard."""
