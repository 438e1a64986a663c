"""Loaded last into what other processes are forked from; see `feeds.common.child.fork_context`.

Loading it takes everything that was loaded before out of the garbage collector's sight. Else the
first collection in each of those processes would go through all of it, and so copy its pages.
"""

import gc

gc.freeze()
