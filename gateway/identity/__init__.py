"""Who is calling: tokens, users, their provider keys and preferences."""
