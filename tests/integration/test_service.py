"""Ten thousand requests, many of which are given up half-way: nothing stays stuck."""

import asyncio
import json
import random
import re

import httpx
import pytest
from loopback import serve_app

from onoma.serving.api import ServiceSettings, create_app
from onoma.serving.engines import Engines

pytestmark = pytest.mark.integration
REQUESTS, AT_A_TIME = 10_000, 64


def test_requests_that_are_given_up_leave_nothing_stuck(tmp_path):
    rules = tmp_path / "rules.yaml"
    rules.write_text("gazetteers: {LOC: [Rome]}\n")
    engines = Engines()
    engines.add("rules", rules)
    body = json.dumps({"texts": ["Ann is in Rome."] * 4}).encode()
    head = b"POST /v1/extract HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n"
    request = head + f"content-length: {len(body)}\r\n\r\n".encode() + body
    draw = random.Random(13)

    async def one(port: int, gate: asyncio.Semaphore) -> str:
        async with gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            given_up = draw.random() < 0.4
            writer.write(request[: draw.randrange(len(request) + 1)] if given_up else request)
            if given_up:
                await asyncio.sleep(draw.random() * 0.01)
                writer.transport.abort()
                return "given up"
            answer = await reader.read()
            writer.close()
            return answer[9:12].decode()

    async def storm(port: int) -> list[str]:
        gate = asyncio.Semaphore(AT_A_TIME)
        return await asyncio.gather(*(one(port, gate) for _ in range(REQUESTS)))

    with serve_app(create_app(engines, ServiceSettings(deadline=10))) as url:
        outcomes = asyncio.run(storm(int(url.rpartition(":")[2])))
        assert set(outcomes) == {"200", "given up"}
        assert outcomes.count("given up") > REQUESTS / 3
        metrics = httpx.get(f"{url}/metrics").text
        waiting = re.search(r"^onoma_waiting\S* ([\d.e+]+)$", metrics, re.MULTILINE)
        assert waiting is not None, metrics
        assert float(waiting[1]) == 0
        assert httpx.post(f"{url}/v1/extract", content=body, headers={"content-type": "application/json"}).is_success
