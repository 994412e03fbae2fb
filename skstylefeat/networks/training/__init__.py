"""Training of an encoder for a given generator."""
