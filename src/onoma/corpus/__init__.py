"""Labelled text in, out and reshaped."""

from onoma.corpus.corpus import Corpus, Split
from onoma.corpus.load import load_corpus, save_corpus
from onoma.corpus.reading import ReadLog

__all__ = ["Corpus", "ReadLog", "Split", "load_corpus", "save_corpus"]
