"""``feeds serve``: out/ over HTTP.

    publication (the files of out/) ─┬─ content ── application ── server (granian)
    query (feeds of one's own) ──────┘

Requests that came before are answered from a table of ready answers. All others are answered in
threads, by the rules in negotiation and responses, and their answers stay in that table until the
next publication.
"""
