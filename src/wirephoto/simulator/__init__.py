"""A local stand-in for the provider, written from its documents alone."""
