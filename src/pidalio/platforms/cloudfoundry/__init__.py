"""Cloud Foundry: what its router hears on NATS, and what its API knows (design record 0022)."""

from pidalio.platforms.adapter import Kind
from pidalio.platforms.cloudfoundry.adapter import CloudFoundry
from pidalio.platforms.cloudfoundry.settings import CloudFoundrySettings

KIND = Kind("cloudfoundry", CloudFoundrySettings, CloudFoundry, main="nats")
