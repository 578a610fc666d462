"""Native formats of the providers: pure translation, one file or folder each."""
