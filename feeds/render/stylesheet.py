"""The style sheet with which a browser shows a feed that somebody opens in it.

"Associating Style Sheets with XML documents" (w3.org/TR/xml-stylesheet): a processing instruction
before the root. Readers pass over it.
"""

from __future__ import annotations

_DECLARATION_END = b"?>\n"


def with_stylesheet(document: bytes, href: str) -> bytes:
    """Returns an XML document with a link to a CSS file; as it is where `href` is empty.

    lxml writes what stands before the root only together with the whole tree, which feedgen does
    not hand out; so it is put behind the XML declaration that every document begins with.
    """
    if not href:
        return document
    instruction = f'<?xml-stylesheet type="text/css" href="{href}"?>\n'.encode()
    return document.replace(_DECLARATION_END, _DECLARATION_END + instruction, 1)
