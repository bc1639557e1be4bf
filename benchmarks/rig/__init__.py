"""What benchmarks share: how a result is told, and the bare servers that they measure against."""
