"""The text of a page without its markup."""

from __future__ import annotations

import regex

from onoma.annotation.harvest.readers import Markup

_NO_TEXT = "script, style, noscript, template, svg, math, nav, header, footer, aside, form, iframe, select, button"
_BLOCKS = (
    "p, div, section, article, main, li, tr, h1, h2, h3, h4, h5, h6, blockquote, pre, table, ul, ol, dt, dd, br, hr"
)
_TABLE = regex.compile(r"(?P<table>\{\|(?:[^{|]|\{(?!\|)|\|(?!\})|(?&table))*+\|\})")
# Links with a namespace in front of a colon: images, categories, the same page in other languages. With a colon before
# that too, it is a link that a reader sees.
_NAMESPACE = regex.compile(
    r"(?=\[\[[^\[\]:|\s][^\[\]:|]*:[^\s|\]])(?P<link>\[\[(?:[^\[\]]|\[(?!\[)|\](?!\])|(?&link))*+\]\])"
)
_REFERENCE = regex.compile(r"<ref\b[^>/]*/>|<ref\b[^>]*>.*?</ref>", regex.DOTALL | regex.IGNORECASE)
_LINE_BREAKS = ("softbreak", "hardbreak")
_MAGIC = regex.compile(r"__[A-Z]+__")
_EMPTY_BRACKETS = regex.compile(r"\s*\(\s*[,;:\s]*\)")


def plain_text(text: str, markup: Markup) -> str:
    r"""What a reader of the page sees, blocks on lines of their own.

    Of HTML, navigation, forms and scripts are left out; of Markdown, code blocks; of wikitext, templates, tables,
    references, images and categories.

    Examples:
        >>> plain_text("# Rome\n\nis **old**", "markdown")
        'Rome\n\nis old'
    """
    match markup:
        case "html":
            return _of_html(text)
        case "markdown":
            return _of_markdown(text)
        case "wikitext":
            return _of_wikitext(text)
        case _:
            return text


def _of_html(text: str) -> str:
    from selectolax.lexbor import LexborHTMLParser

    page = LexborHTMLParser(text)
    for node in page.css(_NO_TEXT):
        node.decompose()
    for node in page.css(_BLOCKS):
        node.insert_before("\n")
        node.insert_after("\n")
    body = page.body
    return "" if body is None else "\n".join(line.strip() for line in body.text().split("\n") if line.strip())


def _of_markdown(text: str) -> str:
    from markdown_it import MarkdownIt

    blocks: list[str] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "inline":
            children = token.children or []
            blocks.append("".join("\n" if child.type in _LINE_BREAKS else child.content for child in children))
    return "\n\n".join(filter(None, blocks))


def _of_wikitext(text: str) -> str:
    import mwparserfromhell

    text = _NAMESPACE.sub("", _TABLE.sub("", _REFERENCE.sub("", text)))
    plain = str(mwparserfromhell.parse(text).strip_code(collapse=False))
    lines = (_EMPTY_BRACKETS.sub("", _MAGIC.sub("", line)).strip() for line in plain.split("\n"))
    return "\n".join(line for line in lines if line)
