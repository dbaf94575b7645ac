"""Extractors behind a network address and on a page."""
