"""What benchmarks share: how a result is reported, and the bare servers for comparison."""
