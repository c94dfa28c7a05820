"""HTML that is safe by construction: whatever is not `Html` is escaped."""

from html import escape

__all__ = ["Html", "join", "tag"]

_VOID = frozenset({"br", "hr", "img", "meta"})


class Html(str):
    """Text that is HTML already. Only this package makes it."""

    __slots__ = ()


def join(*parts: object) -> Html:
    """Parts in a row; those that are not `Html` are escaped, None is left out."""
    texts = (
        part if isinstance(part, Html) else escape(str(part)) for part in parts if part is not None
    )
    return Html("".join(texts))


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """An element. Attributes named `class_` lose the underscore; others turn it to a dash."""
    opening = "".join(
        f' {key.removesuffix("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Html(f"<{name}{opening}>")
    return Html(f"<{name}{opening}>{join(*children)}</{name}>")
