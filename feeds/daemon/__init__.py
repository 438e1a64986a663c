"""``feeds run``: passes on a schedule, for months.

Passes run in a process of their own, so that one which hangs, crashes or leaks takes nothing with
it: state and out/ are safe against a kill at any moment (see `feeds.pipeline.run`).
"""
