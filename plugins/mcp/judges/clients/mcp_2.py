"""PyPI mcp 2.x. The first argument says whether it looks for the newer protocol first (auto) or begins with initialize (legacy)."""

import asyncio
import sys
from contextlib import asynccontextmanager

import httpx2
import mcp_types as types
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from orders import Sessions


async def sampled(_context, _params):
    return types.CreateMessageResult(role="assistant", model="m", content=types.TextContent(type="text", text="42"))


async def elicited(_context, _params):
    return types.ElicitResult(action="accept", content={"response": "yes"})


class Session:
    def __init__(self, client):
        self.client = client

    async def call(self, tool, arguments, on_progress):
        return await self.client.call_tool(tool, arguments, progress_callback=on_progress)


@asynccontextmanager
async def connected(url, token):
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=httpx2.Timeout(30, read=300)) as http:
        transport = streamable_http_client(url, http_client=http)
        options = {"mode": sys.argv[1], "sampling_callback": sampled, "elicitation_callback": elicited}
        async with Client(transport, **options) as client:
            yield Session(client)


asyncio.run(Sessions(connected).run())
