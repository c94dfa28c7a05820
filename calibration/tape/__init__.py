"""The tape of a calibration: all that was asked of a chip and what it answered, as it was.

A procedure that measures through a `TapedChip` can be cut off at any moment and started
again: it then gets its answers from the tape for as long as that lasts, and from the chip
afterwards. The tape is also the raw data that a calibration rests on.
"""

from calibration.tape._chip import TapedChip
from calibration.tape._file import TapeWriter, read_tape, settings_on
from calibration.tape._looks import Looks, looks_on
from calibration.tape._records import Answer, Exchange, decode_exchange, encode_exchange

__all__ = [
    "Answer",
    "Exchange",
    "Looks",
    "TapeWriter",
    "TapedChip",
    "decode_exchange",
    "encode_exchange",
    "looks_on",
    "read_tape",
    "settings_on",
]
