"""PyPI mcp 1.x."""

import asyncio
from contextlib import asynccontextmanager

import httpx
from mcp import ClientSession, types
from mcp.client.streamable_http import streamable_http_client

from orders import Sessions


async def sampled(_context, _params):
    return types.CreateMessageResult(role="assistant", model="m", content=types.TextContent(type="text", text="42"))


async def elicited(_context, _params):
    return types.ElicitResult(action="accept", content={"response": "yes"})


class Session:
    def __init__(self, session):
        self.session = session

    async def call(self, tool, arguments, on_progress):
        # The number that the next question gets; this library tells no server of one that is given up.
        number = self.session._request_id
        try:
            return await self.session.call_tool(tool, arguments, progress_callback=on_progress)
        except asyncio.CancelledError:
            params = types.CancelledNotificationParams(requestId=number, reason="enough")
            note = types.CancelledNotification(method="notifications/cancelled", params=params)
            await asyncio.shield(self.session.send_notification(types.ClientNotification(note)))
            raise


@asynccontextmanager
async def connected(url, token):
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx.AsyncClient(headers=headers, timeout=httpx.Timeout(30, read=300)) as http,
        streamable_http_client(url, http_client=http) as (read, write, _),
        ClientSession(read, write, sampling_callback=sampled, elicitation_callback=elicited) as session,
    ):
        await session.initialize()
        yield Session(session)


asyncio.run(Sessions(connected).run())
