"""What a request cost: buckets, prices, the ledger."""
