"""An HTML page as a test reads it: a tree that is strict where browsers forgive, and the rules that any page obeys.

page = Page(answer.body.decode())
page.one("section", id="queue").text
page.faults()          # what is wrong with it for those who hear it, use keys, or run no script
"""

from html.parser import HTMLParser
from itertools import pairwise

__all__ = ["Node", "Page"]

VOID = {"br", "hr", "img", "input", "link", "meta"}


class Node:
    """An element. inside: nodes and texts, in order."""

    def __init__(self, tag, attributes, parent):
        self.tag = tag
        self.attributes = attributes
        self.parent = parent
        self.inside = []

    def __getitem__(self, name):
        return self.attributes[name]

    def get(self, name):
        return self.attributes.get(name)

    @property
    def text(self):
        """All its text, blanks made one; titles of pictures are not part of it."""
        parts = [
            part if isinstance(part, str) else f" {part.text} " for part in self.inside if part_is_read(part)
        ]
        return " ".join("".join(parts).split())

    def all(self, tag="", **wanted):
        """Every element inside, of this tag, with these attributes: class_ is one of its classes."""
        for part in self.inside:
            if isinstance(part, str):
                continue
            if (not tag or part.tag == tag) and all(part.has(name, value) for name, value in wanted.items()):
                yield part
            yield from part.all(tag, **wanted)

    def has(self, name, value):
        name = name.rstrip("_").replace("_", "-")
        have = self.attributes.get(name)
        return have is not None and (value in have.split() if name == "class" else have == value)

    def one(self, tag="", **wanted):
        found = list(self.all(tag, **wanted))
        assert len(found) == 1, f"{len(found)} of <{tag} {wanted}>"
        return found[0]

    def pairs(self):
        """Of a <dl>: dt -> dd."""
        return {name.text: value.text for name, value in zip(self.all("dt"), self.all("dd"), strict=True)}

    def rows(self):
        """Of a <table>: the texts of each body row's cells."""
        return [[cell.text for cell in row.inside] for row in self.one("tbody").all("tr")]


def part_is_read(part):
    return isinstance(part, str) or part.tag != "title"


class Page(Node):
    """The document."""

    def __init__(self, html):
        super().__init__("", {}, None)
        assert html.startswith("<!DOCTYPE html><html"), html[:80]
        _Reader(self).feed(html)

    def faults(self):
        """Lines, none for a good page."""
        return [
            *self._names(), *self._landmarks(), *self._tables(), *self._fields(), *self._strangers(),
        ]  # fmt: skip

    def _names(self):
        ids = [node["id"] for node in self.all() if node.get("id")]
        yield from (f"id {one} twice" for one in set(ids) if ids.count(one) > 1)
        for node in self.all():
            for name in ("aria-labelledby", "for"):
                if node.get(name) and node[name] not in ids:
                    yield f"{name}={node[name]} names nothing"
            if node.tag == "a" and (node.get("href") or "").startswith("#") and node["href"][1:] not in ids:
                yield f"a link to {node['href']}, which is not there"
            if node.tag in ("a", "button") and not (node.text or node.get("aria-label")):
                yield f"a <{node.tag}> without words"

    def _landmarks(self):
        for tag in ("main", "h1", "header"):
            if len(list(self.all(tag))) != 1:
                yield f"not one <{tag}>"
        if self.one("html").get("lang") != "en":
            yield "no language"
        if next(self.one("body").all("a")).get("href") != "#main":
            yield "no way to skip"
        levels = [int(node.tag[1]) for node in self.all() if node.tag in ("h1", "h2", "h3")]
        yield from (f"h{b} behind h{a}" for a, b in pairwise(levels) if b > a + 1)

    def _tables(self):
        for table in self.all("table"):
            if not list(table.all("caption")):
                yield "a table without caption"
            if any(cell.get("scope") is None for cell in table.all("th")):
                yield "a <th> without scope"

    def _fields(self):
        labels = {label.get("for") for label in self.all("label")}
        for node in self.all():
            if (
                node.tag in ("input", "select")
                and node.get("type") != "hidden"
                and node.get("id") not in labels
            ):
                yield f"a field without label: {node.attributes}"
        for svg in self.all("svg"):
            if svg.get("aria-hidden") != "true" and not list(svg.all("title")):
                yield "a picture that says nothing"

    def _strangers(self):
        """Nothing inline that the policy forbids, nothing from elsewhere."""
        for node in self.all():
            for name, value in node.attributes.items():
                if name.startswith("on") or name == "style":
                    yield f"<{node.tag} {name}>"
                if name in ("src", "href", "action") and not (value or "").startswith(("/", "#")):
                    yield f"<{node.tag} {name}={value}>"
            if node.tag == "script" and node.text:
                yield "a script in the page"


class _Reader(HTMLParser):
    def __init__(self, root):
        super().__init__(convert_charrefs=True)
        self._at = root

    def handle_starttag(self, tag, attrs):
        node = Node(tag, dict(attrs), self._at)
        self._at.inside.append(node)
        if tag not in VOID:
            self._at = node

    def handle_endtag(self, tag):
        assert self._at.tag == tag, f"</{tag}> ends <{self._at.tag} {self._at.attributes}>"
        self._at = self._at.parent

    def handle_data(self, data):
        self._at.inside.append(data)
