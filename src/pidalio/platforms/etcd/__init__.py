"""etcd: services as keys below a prefix, and a store that control planes share (design records 0020 and 0025)."""

from pidalio.platforms.adapter import Kind
from pidalio.platforms.etcd.adapter import EtcdAdapter
from pidalio.platforms.etcd.settings import EtcdSettings

KIND = Kind("etcd", EtcdSettings, EtcdAdapter)
