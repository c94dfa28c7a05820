"""The host's end of the NPU board's frames: over a wire, or in memory."""
