"""What a user may demand: everything about them, and its end. Export, erasure, retention."""
