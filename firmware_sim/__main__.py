"""`python -m firmware_sim`: serve the world described on standard input until it ends.

The first line of standard input is a `WorldDescription` as JSON, the first line of
standard output says where the instruments are. It serves until standard input ends,
so that it never outlives the program that started it, or until it is interrupted.
"""

import json
import signal
import sys

from pydantic import ValidationError

from firmware_sim.description import WorldDescription
from firmware_sim.world import World
from lumina.errors import LuminaError


def main() -> int:
    """Serve; the exit code is 0 after an orderly end and 2 for a bad description."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with World(WorldDescription.model_validate_json(sys.stdin.readline())) as world:
            sys.stdout.write(json.dumps(world.addresses()) + "\n")
            sys.stdout.flush()
            while sys.stdin.readline():
                pass
    except KeyboardInterrupt:
        return 0
    except (ValidationError, LuminaError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
