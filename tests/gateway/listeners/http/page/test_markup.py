"""What is text is escaped, whatever it is; what is Html is not."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.listeners.http.page.markup import Html, el, join


class Reader(HTMLParser):
    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.words = [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)


@given(st.text(), st.text())
def test_no_text_becomes_markup(text, attribute):
    read = Reader(el("p", text, title=attribute))
    assert read.tags == [("p", {"title": attribute})]
    assert "".join(read.words) == text


@pytest.mark.parametrize(
    ("made", "html"),
    [
        (el("td", "<orange>", class_="bearer"), '<td class="bearer">&lt;orange&gt;</td>'),
        (el("p", el("b", "&"), " ", 3, None), "<p><b>&amp;</b> 3</p>"),
        (el("input", name="a", required=True, value=None, checked=False), '<input name="a" required>'),
        (el("svg", el("path", d="M0 0"), el("path", d="M1 1"), aria_hidden="true"),
         '<svg aria-hidden="true"><path d="M0 0"></path><path d="M1 1"></path></svg>'),
        (join(["a", Html("<i>b</i>"), None, "<"], ", "), "a, <i>b</i>, &lt;"),
    ],
)  # fmt: skip
def test_elements(made, html):
    assert made == html
    assert isinstance(made, Html)
