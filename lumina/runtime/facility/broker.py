"""The one module that talks MQTT."""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import aiomqtt

from lumina.errors import DeviceConnectionError
from lumina.runtime.facility.config import FacilityConfig

__all__ = ["Broker", "connected"]

NAME = "facility"
ONLINE, OFFLINE = b"online", b"offline"
KEEP_ALIVE_S = 10
"""The broker tells our last will at most 1.5 times as late."""

ANSWER_TIMEOUT_S = 5.0
FAREWELL_S = 1.0
NO_DELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
AT_MOST_ONCE, AT_LEAST_ONCE = 0, 1

LOG = logging.getLogger("lumina.facility")
LOG.addHandler(logging.NullHandler())  # the journal tells what matters; nothing on stderr


class Broker:
    """An open connection."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client

    async def say(self, topic: str, payload: bytes, *, retained: bool = False) -> None:
        """Publish; a retained message is acknowledged and given to whoever asks later.

        Raises:
            DeviceConnectionError: the broker is gone.
        """
        quality = AT_LEAST_ONCE if retained else AT_MOST_ONCE
        with losses_told():
            await self._client.publish(topic, payload, qos=quality, retain=retained)

    async def heard(self, topic: str) -> AsyncIterator[bytes]:
        """Payloads that others publish under a topic, from its retained one on.

        Raises:
            DeviceConnectionError: the broker is gone.
        """
        with losses_told():
            await self._client.subscribe(topic, qos=AT_LEAST_ONCE)
            async for message in self._client.messages:
                if isinstance(message.payload, bytes | bytearray):
                    yield bytes(message.payload)


@asynccontextmanager
async def connected(config: FacilityConfig, status_topic: str) -> AsyncIterator[Broker]:
    """A connection inside the block; its status topic says ``online``, and after it ``offline``.

    The broker itself says ``offline`` if we vanish: it is our last will.

    Raises:
        DeviceConnectionError: no broker there, it refuses us, or it is lost.
    """
    client = aiomqtt.Client(
        config.broker,
        config.port,
        username=config.username or None,
        password=os.environ.get(config.password_variable) if config.password_variable else None,
        will=aiomqtt.Will(status_topic, OFFLINE, qos=AT_LEAST_ONCE, retain=True),
        keepalive=KEEP_ALIVE_S,
        timeout=ANSWER_TIMEOUT_S,
        logger=LOG,
        socket_options=(NO_DELAY,),
        max_queued_incoming_messages=64,
    )
    with losses_told():
        async with client:
            broker = Broker(client)
            await broker.say(status_topic, ONLINE, retained=True)
            try:
                yield broker
            finally:
                # A broker that is gone has our last will.
                with suppress(DeviceConnectionError, TimeoutError):
                    async with asyncio.timeout(FAREWELL_S):
                        await broker.say(status_topic, OFFLINE, retained=True)


@contextmanager
def losses_told() -> Iterator[None]:
    """Whatever aiomqtt raises is a connection that is lost, or was never there."""
    try:
        yield
    except aiomqtt.MqttError as error:
        raise DeviceConnectionError(NAME, str(error)) from error
