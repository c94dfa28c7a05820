"""The far end of a pipe: another process that is asked, and answers."""

from multiprocessing.connection import Connection

__all__ = ["serve"]


async def serve(pipe: Connection, desk: object) -> None:
    """Answer questions, each a coroutine of the desk, until the pipe ends."""
    while True:
        try:
            question, arguments = pipe.recv()
        except EOFError:
            return
        try:
            found = await getattr(desk, question)(*arguments)
        except Exception as error:  # noqa: BLE001 - it is the other side's to handle
            pipe.send((error, None))
        else:
            pipe.send((None, found))
