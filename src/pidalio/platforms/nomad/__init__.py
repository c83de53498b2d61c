"""Nomad's native services: registrations by list, changes by its event stream (design record 0020)."""

from pidalio.platforms.adapter import Kind
from pidalio.platforms.nomad.adapter import NomadAdapter
from pidalio.platforms.nomad.settings import NomadSettings

KIND = Kind("nomad", NomadSettings, NomadAdapter)
