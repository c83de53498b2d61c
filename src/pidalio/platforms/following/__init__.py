"""Keeping a platform alive in the mesh: what every adapter gets, done once (design record 0020)."""

from pidalio.platforms.following.clashing import Clashes
from pidalio.platforms.following.follower import Follower
from pidalio.platforms.following.state import Standing
from pidalio.platforms.following.takes import Takes

__all__ = ["Clashes", "Follower", "Standing", "Takes"]
