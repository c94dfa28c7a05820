"""Calibrations on disk: one compressed file of named arrays, as run folders keep it."""

import io
import zipfile
import zlib
from pathlib import Path

import numpy as np

from calibration.result import ChipCalibration
from lumina.errors import StoreError

__all__ = ["load_calibration"]


def load_calibration(path: Path) -> ChipCalibration:
    """Read what `lumina.store.RunFolder.save_arrays` wrote of `ChipCalibration.to_arrays`.

    Raises:
        StoreError: no such file, or one that is damaged.
        CalibrationError: a whole file, but not of a calibration, or of another schema.
    """
    try:
        content = io.BytesIO(path.read_bytes())
        with np.load(content, allow_pickle=False) as file:
            arrays = dict(file)
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise StoreError(path, f"cannot be read as a calibration: {error}") from error
    return ChipCalibration.from_arrays(arrays)
