"""A peer that answers every line at once, on a pty and on a socket, in its own process.

Started as ``python -m benchmarks.bus_peer``: the first line of its output names the pty
and the port; it ends with its standard input.
"""

import os
import select
import socket
import sys
import tty

REPLY = b"+1.234567E-04\n"

registers = {"*ESE": b"0"}


def main() -> None:
    """Answer until standard input ends."""
    near, far = os.openpty()
    tty.setraw(near)
    tty.setraw(far)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(os.ttyname(far), listener.getsockname()[1], flush=True)
        serve(near, listener)


def serve(pty: int, listener: socket.socket) -> None:
    """Pass on what arrives."""
    poll, clients = select.poll(), {}
    for number in (sys.stdin.fileno(), pty, listener.fileno()):
        poll.register(number, select.POLLIN)
    while True:
        for number, _ in poll.poll():
            if number == sys.stdin.fileno():
                return
            if number == listener.fileno():
                client, _ = listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                clients[client.fileno()] = client
                poll.register(client.fileno(), select.POLLIN)
            elif not answer(number):
                poll.unregister(number)
                clients.pop(number).close()


def answer(number: int) -> bool:
    """Answer what has arrived, whole lines; False when the other side has gone."""
    data = os.read(number, 4096)
    if replies := b"".join(map(reply_to, data.splitlines())):
        os.write(number, replies)
    return bool(data)


def reply_to(line: bytes) -> bytes:
    """A reading; and ``*ESE``, by which our bus gets in step on a serial line."""
    match line.split():
        case [b"*ESE", number]:
            registers["*ESE"] = number
            return b""
        case [b"*ESE?"]:
            return registers["*ESE"] + b"\n"
        case _:
            return REPLY


if __name__ == "__main__":
    main()
