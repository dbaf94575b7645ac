"""Trained taggers made small and fast: export, quantization, vocabulary trimming."""
