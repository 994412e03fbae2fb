"""Labeling by a person: a local page, contact sheets, and labels that outlive a kill."""
