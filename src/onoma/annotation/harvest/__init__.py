"""Raw text from many sources, cleaned, told by language, without repeats, balanced."""
