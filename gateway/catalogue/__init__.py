"""Models, capabilities and prices: committed data and its lookup."""
