"""Bases (the frozen pretrained models) and adapters (what is trained)."""
