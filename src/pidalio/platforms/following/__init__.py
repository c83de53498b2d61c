"""Keeping a platform alive in the mesh: what every adapter gets, done once (design record 0020)."""

from pidalio.platforms.following.clashing import Clashes
from pidalio.platforms.following.follower import Follower, Takes
from pidalio.platforms.following.state import Standing

__all__ = ["Clashes", "Follower", "Standing", "Takes"]
