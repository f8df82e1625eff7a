"""What a test tells a client by stdin, a line of JSON each, and what is told back by stdout."""

import asyncio
import json
import sys


def say(**fields):
    print(json.dumps(fields), flush=True)


class Sessions:
    """Each session is a task of its own, in which it is opened, used and closed, as these libraries want it."""

    def __init__(self, connected):
        """`connected(url, token)` is a context with a session, which has `call(tool, arguments, on_progress)`."""
        self.connected = connected
        self.sessions = {}
        self.calls = {}
        self.tasks = set()

    def begin(self, work):
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def run(self):
        loop = asyncio.get_running_loop()
        lines = asyncio.StreamReader(limit=1 << 20)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while line := await lines.readline():
            self.obey(json.loads(line))

    def obey(self, order):
        kind, number = order["do"], order["id"]
        if kind == "open":
            self.begin(self.hold(number, order["url"], order["token"]))
        elif kind == "call":
            session, _ = self.sessions[order["session"]]
            self.calls[number] = self.begin(self.call(number, session, order))
        elif kind == "cancel":
            self.calls[number].cancel()
        elif kind == "close":
            _, ending = self.sessions.pop(order["session"])
            ending.set_result(number)

    async def hold(self, number, url, token):
        try:
            async with self.connected(url, token) as session:
                ending = asyncio.get_running_loop().create_future()
                self.sessions[number] = (session, ending)
                say(id=number, result="open")
                closing = await ending
            say(id=closing, result="closed")
        except BaseException as error:
            say(id=number, error=repr(error))
            raise

    async def call(self, number, session, order):
        async def on_progress(progress, *_):
            say(id=number, progress=progress)

        try:
            result = await session.call(order["tool"], order["arguments"], on_progress)
            say(id=number, result=result.content[0].text if result.content else "")
        except asyncio.CancelledError:
            say(id=number, error="cancelled")
            raise
        except Exception as error:
            say(id=number, error=repr(error))
