"""A simulated Modbus device: its registers, and what it answers."""

from typing import ClassVar

from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersResponse,
    ReadInputRegistersResponse,
    WriteMultipleRegistersResponse,
    WriteSingleRegisterResponse,
)

from drivers.protocols.modbus import (
    BROADCAST,
    BadReplyError,
    FrameSplitter,
    Framing,
    Link,
    RefusedError,
)
from drivers.protocols.modbus_maps import Register, RegisterMap, Space, Value
from firmware_sim.instrument import Reply, SimulatedInstrument

__all__ = [
    "ILLEGAL_ADDRESS",
    "ILLEGAL_FUNCTION",
    "ILLEGAL_VALUE",
    "NOT_AUTHORISED",
    "ModbusDevice",
]

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, NOT_AUTHORISED = 1, 2, 3, 4

READS = {3: ReadHoldingRegistersResponse, 4: ReadInputRegistersResponse}
WRITES = {6: WriteSingleRegisterResponse, 16: WriteMultipleRegistersResponse}
READ_LIMIT = 125


class ModbusDevice(SimulatedInstrument):
    """Answers functions 3, 4, 6 and 16 from a table of registers.

    A device refreshes what it measures in `before_read`, vetoes in `before_write`, and
    acts in `after_write`.
    """

    framing: ClassVar[Framing]
    registers: ClassVar[RegisterMap]
    read_limit: ClassVar[int] = READ_LIMIT
    """Registers that it answers at once."""
    answer_s: ClassVar[float] = 0.0
    """Time that it takes before it answers."""

    def __init__(self) -> None:
        self._splitter = FrameSplitter(self.framing, requests=True)
        self._stored: dict[Space, dict[int, int]] = {}
        self.power_cycle()

    @property
    def unit(self) -> int | None:
        """The address it answers to; None for any."""
        return None

    def before_read(self) -> None:
        """Bring the registers of measured values up to date."""

    def before_write(self, register: Register) -> None:
        """Refuse a write with `RefusedError`, if the device does."""

    def after_write(self, register: Register) -> None:
        """Act on a value that a host has written."""

    def heard(self) -> None:
        """A host has addressed this device."""

    def power_cycle(self) -> None:
        self._splitter.clear()
        self._stored = {space: {} for space in Space}
        for register in self.registers.values():
            self.put(register.name, register.initial)

    def disconnected(self) -> None:
        self._splitter.clear()

    def get(self, name: str) -> Value:
        """The value of a register, by its name."""
        register = self.registers[name]
        stored = self._stored[register.space]
        return register.value([stored[register.address + n] for n in range(register.size)])

    def number(self, name: str) -> float:
        """The value of a register that holds a number."""
        return float(self.get(name))

    def put(self, name: str, value: Value) -> None:
        """Set a register, by its name."""
        register = self.registers[name]
        words = enumerate(register.words(value), register.address)
        self._stored[register.space].update(words)

    def receive(self, data: bytes) -> list[Reply]:
        answers = (self._answer(frame) for frame in self._splitter.feed(data))
        return [Reply(answer, self.answer_s) for answer in answers if answer]

    def _answer(self, frame: bytes) -> bytes:
        """The reply to one frame; empty where the device keeps silent."""
        unit = frame[0] if self.framing is Framing.RTU else frame[6]
        mine = self.unit is None or unit in (self.unit, BROADCAST)
        if not mine:
            return b""
        self.heard()
        link = Link(self.framing, unit)
        try:
            request = link.request(frame)
        except BadReplyError:
            return b""
        reply = self._executed(request)
        if unit == BROADCAST and self.framing is Framing.RTU:
            return b""
        return link.frame(reply, request.transaction_id)

    def _executed(self, request: ModbusPDU) -> ModbusPDU:
        try:
            if request.function_code in READS:
                words = self._read(request)
                return READS[request.function_code](registers=words)
            if request.function_code in WRITES:
                self._write(request.address, [*request.registers])
                return WRITES[request.function_code](
                    address=request.address, registers=request.registers, count=request.count
                )
        except RefusedError as refusal:
            return ExceptionResponse(request.function_code, refusal.code)
        return ExceptionResponse(request.function_code, ILLEGAL_FUNCTION)

    def _read(self, request: ModbusPDU) -> list[int]:
        if not 1 <= request.count <= self.read_limit:
            raise RefusedError(ILLEGAL_VALUE)
        self.before_read()
        space = Space(request.function_code)
        addresses = range(request.address, request.address + request.count)
        return [self.word(space, address) for address in addresses]

    def word(self, space: Space, address: int) -> int:
        """One register as a host reads it.

        Raises:
            RefusedError: the device has no such register.
        """
        if address not in self._stored[space]:
            raise RefusedError(ILLEGAL_ADDRESS)
        return self._stored[space][address]

    def _write(self, address: int, words: list[int]) -> None:
        """Write all of the registers, or none."""
        touched = self._touched(address, len(words))
        values = {}
        for register in touched:
            first = register.address - address
            values[register.name] = register.value(words[first : first + register.size])
            self._check(register, values[register.name])
        for name, value in values.items():
            self.put(name, value)
        for register in touched:
            self.after_write(register)

    def _touched(self, address: int, count: int) -> list[Register]:
        """The registers that a write covers, each as a whole and without a gap."""
        within = range(address, address + count)
        touched = [
            register
            for register in self.registers.values()
            if register.space is Space.HOLDING
            and register.address in within
            and register.address + register.size - 1 in within
        ]
        if count == 0 or sum(register.size for register in touched) != count:
            raise RefusedError(ILLEGAL_ADDRESS)
        return touched

    def _check(self, register: Register, value: Value) -> None:
        if not register.writable:
            raise RefusedError(ILLEGAL_ADDRESS)
        if not isinstance(value, str) and not register.low <= value <= register.high:
            raise RefusedError(ILLEGAL_VALUE)
        self.before_write(register)
