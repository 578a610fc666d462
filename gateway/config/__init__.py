"""What the operator said: schema, load, compile to an immutable snapshot, reload."""
