"""Labels without annotators: raw text in, labelled corpora out."""
