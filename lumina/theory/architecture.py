"""What a photonic chip is made of, whatever it is made of."""

from typing import Literal

from lumina.theory.mesh import MeshArchitecture
from lumina.theory.rings import WeightBank

__all__ = ["ChipArchitecture", "ChipKind"]

ChipKind = Literal["svd", "unitary", "triangular", "rings"]
"""Three meshes of interferometers, and a bank of micro-rings."""

ChipArchitecture = MeshArchitecture | WeightBank
