"""An upstream simulator, written from the vendors' documents alone."""
