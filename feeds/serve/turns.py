"""Work that has one thread, done in turns: who asks for much delays himself, and nobody else."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from feeds.serve.messages import BUSY, Answer, Request

Work = Callable[[], Answer]


class _Job:
    """Work for all who ask the same; `clients` are those in whose queues it stands."""

    __slots__ = ("clients", "done", "key", "running", "work")

    def __init__(self, key: Request, work: Work, done: asyncio.Future[Answer]) -> None:
        self.key = key
        self.work = work
        self.done = done
        self.clients: set[str] = set()
        self.running = False


class Turns:
    """Queues of jobs, one queue per client, which take turns; for the thread of the event loop.

    At most `most` jobs wait in all. Where there is no room, the last job of the client with the
    most waiting gives way to who has less than that, and is answered that we are busy.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        # One thread: it alone uses feedgen, which is not for several.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="query")
        self._jobs: dict[Request, _Job] = {}
        self._queues: OrderedDict[str, deque[_Job]] = OrderedDict()
        self._waiting = 0
        self._busy = False

    async def take(self, client: str, key: Request, work: Work) -> Answer:
        """Does work when the client's turn comes; returns the answer.

        Who asks the same while it waits or runs gets the same answer; it comes with the first turn
        of any of them.
        """
        job = self._jobs.get(key) or _Job(key, work, asyncio.get_running_loop().create_future())
        if not job.running and client not in job.clients:
            if self._make_room(client):
                self._line_up(client, job)
            elif not job.clients:
                return BUSY
        self._start_next()
        return await asyncio.shield(job.done)

    def close(self) -> None:
        """Lets the thread end."""
        self._thread.shutdown()

    def _make_room(self, client: str) -> bool:
        if self._waiting < self._most:
            return True
        longest = max(self._queues.values(), key=len)
        if len(longest) <= len(self._queues.get(client, ())) + 1:
            return False
        name = next(name for name, queue in self._queues.items() if queue is longest)
        last = longest[-1]
        self._leave(name, last)
        if not last.clients:
            del self._jobs[last.key]
            last.done.set_result(BUSY)
        return True

    def _line_up(self, client: str, job: _Job) -> None:
        self._jobs[job.key] = job
        job.clients.add(client)
        self._queues.setdefault(client, deque()).append(job)
        self._waiting += 1

    def _leave(self, client: str, job: _Job) -> None:
        queue = self._queues[client]
        queue.remove(job)
        if not queue:
            del self._queues[client]
        job.clients.discard(client)
        self._waiting -= 1

    def _start_next(self) -> None:
        if self._busy or not self._queues:
            return
        client, queue = next(iter(self._queues.items()))
        self._queues.move_to_end(client)
        job = queue[0]
        for one in tuple(job.clients):
            self._leave(one, job)
        self._busy = job.running = True
        task = asyncio.get_running_loop().run_in_executor(self._thread, job.work)
        task.add_done_callback(lambda task: self._finish(job, task))

    def _finish(self, job: _Job, task: asyncio.Future[Answer]) -> None:
        self._busy = False
        del self._jobs[job.key]
        error = task.exception()
        if error is None:
            job.done.set_result(task.result())
        else:
            job.done.set_exception(error)
        self._start_next()
