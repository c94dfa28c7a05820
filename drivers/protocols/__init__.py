"""Wire protocols without I/O: bytes to meaning and back, for drivers and simulators."""
