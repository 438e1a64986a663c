"""Work in other processes: one task, or work spread over several. Contains no business logic.

Whatever is done to such a process, a kill at any moment included, costs its own work and no more.
"""

from feeds.processes.child import fork_context
from feeds.processes.pool import spread
from feeds.processes.task import Ended, Say, Task

__all__ = ["Ended", "Say", "Task", "fork_context", "spread"]
