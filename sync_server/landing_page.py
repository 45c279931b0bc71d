"""The page at the hub's root when the one that people use was not built: which notebooks are open, how to get at them,
and how to build that page. Static, without scripts."""

from __future__ import annotations

from html import escape
from typing import Any

from starlette.responses import HTMLResponse

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 46rem; margin: 3rem auto; padding: 0 1rem; }
h1 { font-weight: 600; letter-spacing: .02em; }
article { border: 1px solid color-mix(in srgb, currentColor 20%, transparent); border-radius: .5rem;
  padding: .75rem 1rem; margin: 1rem 0; }
h2 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
code { font: .875em ui-monospace, monospace; overflow-wrap: anywhere; }
p { margin: .25rem 0; } footer, .quiet { opacity: .7; font-size: .875rem; }
"""


def landing_page(rooms: list[dict[str, Any]], version: str) -> HTMLResponse:
    """The page for these open notebooks."""
    cards = (
        "".join(_card(room) for room in rooms)
        or "<p>No notebook is open. Open one with <code>quire up PATH</code>.</p>"
    )
    body = f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Quire</title>
<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>
<body><h1>Quire</h1><main>{cards}</main>
<p class=quiet>The page for editing notebooks was not built here. With the network at hand,
<code>pip install -e .</code> in Quire's folder builds it; then start the service again.</p>
<footer>Quire {escape(version)}. Peers connect with <code>quire.open(path)</code> from Python.</footer></body></html>"""
    headers = {
        "Content-Security-Policy": _POLICY,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
    }
    return HTMLResponse(body, headers=headers)


def _card(room: dict[str, Any]) -> str:
    peers = ", ".join(escape(f"{peer['name']} ({peer['kind']})") for peer in room["peers"]) or "nobody"
    saved = "saved" if room["saved"] else "the file is being written"
    return (
        f"<article><h2>{escape(room['path'] or 'without a file')}</h2>"
        f"<p><code>{escape(room['notebook_id'])}</code></p>"
        f"<p>Here: {peers}</p><p class=quiet>Kernel: {escape(room['kernel'])} · {saved}</p></article>"
    )
