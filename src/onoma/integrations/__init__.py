"""Extractors inside other libraries."""
