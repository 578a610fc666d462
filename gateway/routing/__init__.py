"""Where a request may go, and what to do when it fails: pure decisions."""
