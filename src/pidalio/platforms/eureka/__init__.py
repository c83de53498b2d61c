"""Netflix Eureka: applications, their instances, and what the registry says of each (design record 0020)."""

from pidalio.platforms.adapter import Kind
from pidalio.platforms.eureka.adapter import EurekaAdapter
from pidalio.platforms.eureka.settings import EurekaSettings

KIND = Kind("eureka", EurekaSettings, EurekaAdapter)
