"""Azure OpenAI's format as the sandbox speaks it."""
