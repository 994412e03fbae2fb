"""The experiments of both papers on any images, their competitors, and the report."""
