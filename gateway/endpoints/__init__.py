"""HTTP in: one file per group of routes."""
