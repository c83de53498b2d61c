"""Consul: its catalog and the health of what is in it, followed by blocking queries (design record 0023)."""

from pidalio.platforms.adapter import Kind
from pidalio.platforms.consul.adapter import ConsulAdapter
from pidalio.platforms.consul.settings import ConsulSettings

KIND = Kind("consul", ConsulSettings, ConsulAdapter.following)
