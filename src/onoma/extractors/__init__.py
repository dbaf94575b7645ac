"""Everything that finds entities: one protocol, many ways."""

from onoma.extractors.base import Extractor

__all__ = ["Extractor"]
