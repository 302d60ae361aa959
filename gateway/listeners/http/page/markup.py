"""HTML as values: what is text is escaped, what is Html is not, so that nothing can be forgotten. Pure.

    el("td", name, class_="bearer")  ->  Html('<td class="bearer">&lt;orange&gt;</td>')

There is no template language: a page is a function, checked by mypy like any other.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

__all__ = ["Child", "Html", "el", "join"]

_VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})


class Html(str):
    """Markup that is finished: el() puts it in as it is."""

    __slots__ = ()


Child = Html | str | int | float | None
Attribute = str | int | float | bool | None


def el(name: str, /, *children: Child, **attributes: Attribute) -> Html:
    """An element. class_ is class, aria_label aria-label; True is a bare attribute, None and False are none."""
    start = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items())}>"
    if name in _VOID:
        return Html(start)
    return Html(f"{start}{join(children)}</{name}>")


def join(children: Iterable[Child], between: str = "") -> Html:
    """One after the other; None is nothing."""
    return Html(between.join(_escaped(child) for child in children if child is not None))


def _escaped(child: Child) -> str:
    return child if isinstance(child, Html) else escape(str(child))


def _attribute(key: str, value: Attribute) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
