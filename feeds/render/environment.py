"""Renders pages with Jinja2; the site's own templates replace ours of the same name."""

from __future__ import annotations

import hashlib
import sys
import traceback
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import (
    Environment,
    FileSystemBytecodeCache,
    FunctionLoader,
    StrictUndefined,
    TemplateSyntaxError,
)
from jinja2.bccache import Bucket

from feeds.common.errors import TemplateError
from feeds.common.files import Templates
from feeds.common.model import Document
from feeds.render.context import Site, up_from
from feeds.render.page_context import page_site
from feeds.render.words import words_of

# The folder of assets, here and below out/.
ASSETS = "assets"
# Only feeds load it, under its plain name.
OF_FEEDS = "feed.css"
_ASSETS = Path(__file__).with_name(ASSETS)
_TEMPLATES = (".html", ".xml", ".txt")
_OURS = Path(__file__).with_name("templates")
# Before the name of a template of ours, so that one of the site's can extend the same name.
_PREFIX = "feeds/"
# Compiled templates stand where Python keeps compiled modules.
_COMPILED = _OURS / "__pycache__"


class _CompiledTemplates(FileSystemBytecodeCache):
    """Keeps our templates compiled, as Python keeps modules: to compile all takes 70 ms."""

    def load_bytecode(self, bucket: Bucket) -> None:
        """Loads a compiled template, unless the folder cannot be read."""
        with suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keeps a compiled template, unless the folder cannot be written."""
        with suppress(OSError):
            if not sys.dont_write_bytecode:
                _COMPILED.mkdir(exist_ok=True)
                super().dump_bytecode(bucket)


def render(
    site: Site, path: str, template: str, variables: dict[str, object], root: str | None = None
) -> Document:
    """Renders a page, or another text of a template; the site must have pages.

    Args:
        site: The site.
        path: Its path below out/.
        template: The template's name.
        variables: Its variables, besides those that all templates get.
        root: The way from the page to out/; None for a relative one.

    Raises:
        TemplateError: the template is faulty or fails on these variables; the message has its line.
    """
    shared = {
        "site": page_site(site),
        "root": up_from(path) if root is None else root,
        "policy": _content_policy(site),
        "noindex": site.noindex,
        "query": site.pages.query if site.pages else "",
        "query_mark": site.pages.query_mark if site.pages else "",
    }
    try:
        found = _environment(site.templates, site.language).get_template(template)
        return Document(path, found.render(shared | variables).encode())
    except TemplateError:
        raise
    except Exception as error:  # noqa: BLE001 (a template can fail in any way that Python can)
        raise TemplateError(_reason(error, template)) from None


def _content_policy(site: Site) -> str:
    """Returns the policy of pages: the site and its images; whoever audits it asks from within."""
    media = urlsplit(site.media_url)
    elsewhere = site.media_url and not site.media_url.startswith(site.base_url)
    sources = f"'self' {media.scheme}://{media.netloc}" if elsewhere else "'self'"
    return (
        "default-src 'none'; base-uri 'none'; connect-src 'self'; form-action 'self'; "
        f"img-src {sources}; script-src 'self'; style-src 'self'"
    )


def macro(site: Site, template: str, name: str) -> Any:
    """Returns a macro of a template."""
    return getattr(_environment(site.templates, site.language).get_template(template).module, name)


def check_templates(templates: Templates) -> None:
    """Compiles the site's own templates.

    Raises:
        TemplateError: one of them is no Jinja2 template.
    """
    words_of("en", templates)
    for name, _ in templates:
        if name.endswith(_TEMPLATES):
            try:
                _environment(templates, "en").get_template(name)
            except Exception as error:  # noqa: BLE001 (as above)
                raise TemplateError(_reason(error, name)) from None


@lru_cache(maxsize=4)
def _environment(templates: Templates, language: str) -> Environment:
    own = dict(templates)

    def load(name: str) -> tuple[str, str, None] | None:
        if name in own:
            return own[name], name, None
        path = _OURS / name.removeprefix(_PREFIX)
        return (path.read_text(encoding="utf-8"), name, None) if path.is_file() else None

    environment = Environment(
        loader=FunctionLoader(load),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
        bytecode_cache=None if own else _CompiledTemplates(str(_COMPILED)),
    )
    environment.globals |= {"words": words_of(language, templates), "asset": asset_paths(templates)}
    return environment


@lru_cache(maxsize=4)
def assets(templates: Templates) -> dict[str, bytes]:
    """Returns the files that pages load; one of the site's own replaces ours of the same name."""
    own = dict(templates)
    return {
        path.name: own[path.name].encode() if path.name in own else path.read_bytes()
        for path in sorted(_ASSETS.iterdir())
    }


@lru_cache(maxsize=4)
def asset_paths(templates: Templates) -> dict[str, str]:
    """Returns where pages load each asset below out/, by its name: its digest is in the path."""
    paths = {}
    for name, data in assets(templates).items():
        if name == OF_FEEDS:
            continue
        stem, _, extension = name.rpartition(".")
        digest = hashlib.sha256(data).hexdigest()[:8]
        paths[name] = f"{ASSETS}/{stem}.{digest}.{extension}"
    return paths


def _reason(error: Exception, name: str) -> str:
    """Describes where a template failed, by its last line in the traceback, and why."""
    line = 0
    if isinstance(error, TemplateSyntaxError):
        name, line = error.name or name, error.lineno
    else:
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename.endswith(_TEMPLATES):
                name, line = frame.filename, frame.lineno or 0
    place = f"{name}, line {line}" if line else name
    reason = str(error) or type(error).__name__
    return f"template {place}: {reason} (paths.templates)"
