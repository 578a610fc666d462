"""Google's formats as the sandbox speaks them: Gemini's own API, and Vertex AI."""
