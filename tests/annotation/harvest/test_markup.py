import pytest

from onoma.annotation.harvest.markup import plain_text

HTML = """<html><head><title>t</title><style>x {}</style></head><body><nav>menu</nav><h1>Rome</h1>
<p>is <b>old</b> &amp; big<br>yes</p><ul><li>a</li><li>b</li></ul><script>1</script></body></html>"""
MARKDOWN = """# Rome

is **old** and `x`
new [link](http://x), ![picture](y.png)

```
code
```

- a
- b
"""
WIKITEXT = """{{Infobox|a=[[b]]}}
'''Guwahati''' ({{lang|as|x}}) is a [[city]] in [[Assam state|Assam]].<ref name="a">Ref</ref><ref name=b/>
[[File:a.jpg|thumb|A [[bridge]] there]]
{| class="x"
| a || {| nested |}
|}
== History ==
* It [[:en:Foo|grew]]. See [[Star Wars: Episode IV]].
[[Category:Cities]] [[চিত্ৰ:x.png]]
__NOTOC__
"""


@pytest.mark.parametrize(
    ("text", "markup", "plain"),
    [
        (HTML, "html", "Rome\nis old & big\nyes\na\nb"),
        ("", "html", ""),
        (MARKDOWN, "markdown", "Rome\n\nis old and x\nnew link, picture\n\na\n\nb"),
        (WIKITEXT, "wikitext", "Guwahati is a city in Assam.\nHistory\nIt grew. See Star Wars: Episode IV."),
        ("a <b> [[c]]", "plain", "a <b> [[c]]"),
    ],
)
def test_what_a_reader_sees(text, markup, plain):
    assert plain_text(text, markup) == plain


def test_brackets_that_do_not_close_take_little_time():
    assert "end" in plain_text("[[File:a " * 2000 + "{| " * 2000 + "end", "wikitext")
