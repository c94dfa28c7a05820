"""How tests and fault campaigns reach into simulated firmware, beside its wires.

In the same process by `Orders`, from another by a TCP port that takes one JSON object per
line and answers each with one line: ``{"ok": true, ...}``, or ``{"ok": false, "error":
"..."}``. What may be asked, under ``do``:

- ``fault``: `instrument`, `kind` (see `firmware_sim.faults.FaultKind`), `seconds`, `count`
- ``set``: `plant`, `input` (a word of `twin.records.PLANT_INPUTS`, "name[index]" where
  there are several), `value`
- ``read``: `plant`; answers with the truth: tick, temperatures, light, inputs
- ``unknown``: `instrument`; headers that it did not know
"""

import json
import socketserver
from collections.abc import Callable, Mapping
from threading import Thread
from typing import Any, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from firmware_sim.faults import Fault, FaultKind
from lumina.errors import UsageError
from twin.plant import Plant
from twin.records import PLANT_INPUTS, write_input

__all__ = ["Control", "Orders"]

T = TypeVar("T")

LONGEST_LINE = 1 << 16


class _Order(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class FaultOrder(_Order):
    """Let something go wrong on an instrument's wire."""

    do: Literal["fault"]
    instrument: str
    kind: FaultKind
    seconds: float = Field(1.0, ge=0, le=3600)
    count: int = Field(1, ge=1, le=10000)


class SetOrder(_Order):
    """Change what comes to a plant from outside."""

    do: Literal["set"]
    plant: str
    input: str
    value: float


class ReadOrder(_Order):
    """Tell the truth about a plant."""

    do: Literal["read"]
    plant: str


class UnknownOrder(_Order):
    """Tell what an instrument did not understand."""

    do: Literal["unknown"]
    instrument: str


ORDERS: TypeAdapter[FaultOrder | SetOrder | ReadOrder | UnknownOrder] = TypeAdapter(
    FaultOrder | SetOrder | ReadOrder | UnknownOrder
)


class Injected(Protocol):
    """What can be told to go wrong."""

    @property
    def instrument(self) -> object:
        """Who is served."""

    def inject(self, fault: Fault, count: int) -> None:
        """Let something go wrong."""


class Orders:
    """Carries out what is ordered of one world."""

    def __init__(self, plants: Mapping[str, Plant], servers: Mapping[str, Injected]) -> None:
        self._plants, self._servers = plants, servers

    def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """Carry out one order.

        Raises:
            UsageError: nothing of that name is there.
            ValidationError: it is not an order.
        """
        match ORDERS.validate_python(order):
            case FaultOrder() as fault:
                server = _named(self._servers, fault.instrument, "instrument")
                server.inject(Fault(fault.kind, fault.seconds), fault.count)
                return {}
            case SetOrder() as change:
                self._set(change)
                return {}
            case ReadOrder() as read:
                return _truth(_named(self._plants, read.plant, "plant"))
            case UnknownOrder() as asked:
                server = _named(self._servers, asked.instrument, "instrument")
                return {"unknown": list(getattr(server.instrument, "unknown", ()))}

    def _set(self, change: SetOrder) -> None:
        plant = _named(self._plants, change.plant, "plant")
        write_input(plant.inputs, change.input, change.value)


class Control:
    """The control channel of one world.

    Attributes:
        resource: where it listens, ``tcp://host:port``.
    """

    def __init__(self, orders: Orders, host: str) -> None:
        self._orders = orders
        self._listener = _Listener((host, 0), self._answer_line)
        self.resource = f"tcp://{host}:{self._listener.server_address[1]}"
        self._thread = Thread(
            target=self._listener.serve_forever, args=(0.05,), name="control", daemon=True
        )

    def start(self) -> None:
        """Take orders."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more orders; idempotent."""
        if self._thread.is_alive():
            self._listener.shutdown()
        self._listener.server_close()

    def _answer_line(self, line: bytes) -> bytes:
        try:
            answer = {"ok": True, **self._orders.obey(json.loads(line))}
        except (UsageError, ValidationError, ValueError) as error:
            answer = {"ok": False, "error": str(error)}
        return json.dumps(answer).encode() + b"\n"


def _named(things: Mapping[str, T], name: str, what: str) -> T:
    if name not in things:
        raise UsageError(f"no {what} {name} (known: {', '.join(things)})")
    return things[name]


def _truth(plant: Plant) -> dict[str, Any]:
    """What no instrument may know."""
    return {
        "tick": plant.tick,
        "temperatures_c": plant.temperatures_c(),
        "output_power_w": plant.output_power_w().tolist(),
        "heater_drive_v": plant.arrays.heaters.drive_v.tolist(),
        "inputs": {word: plant.inputs[word][0].tolist() for word in PLANT_INPUTS.names or ()},
    }


class _Listener(socketserver.ThreadingTCPServer):
    """Several may talk to the control channel at a time."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: tuple[str, int], answer: Callable[[bytes], bytes]) -> None:
        super().__init__(address, _Talk)
        self.answer = answer


class _Talk(socketserver.StreamRequestHandler):
    server: _Listener

    def handle(self) -> None:
        try:
            while line := self.rfile.readline(LONGEST_LINE):
                self.wfile.write(self.server.answer(line))
        except ConnectionError:
            return
