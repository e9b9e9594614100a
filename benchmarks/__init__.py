"""What the samplers cost, measured: `python -m benchmarks.speed`."""
