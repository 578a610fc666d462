"""Persistence over the Redis protocol: one implementation for embedded, single, Sentinel and Cluster."""
