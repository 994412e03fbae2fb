"""Few labels and many photos to a model, and photos to predictions in a file."""
