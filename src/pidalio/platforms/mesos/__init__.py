"""Mesos and Marathon: tasks as instances, read from the master, from Marathon, or else from Mesos-DNS."""

from pidalio.platforms.adapter import Kind
from pidalio.platforms.mesos.adapter import MesosAdapter
from pidalio.platforms.mesos.settings import MesosSettings

KIND = Kind("mesos", MesosSettings, MesosAdapter, main="master")

__all__ = ["KIND", "MesosAdapter", "MesosSettings"]
