"""``feeds serve``: out/ over HTTP.

    publication (what out/ holds) ──┐
    bodies (compressed, bounded) ───┼── site ── application ── granian
    delta, query, health ───────────┘

What is asked for often is answered from a table of ready answers; everything else is worked out in
threads, once, and then stands in that table until the next publication.
"""
