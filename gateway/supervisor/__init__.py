"""The parent process: lock, embedded store, workers, signals, drain."""
