"""Registries in ZooKeeper: Curator's service discovery, serversets, plain JSON (design record 0020)."""

from pidalio.platforms.adapter import Kind
from pidalio.platforms.zookeeper.adapter import ZooKeeperAdapter
from pidalio.platforms.zookeeper.settings import ZooKeeperSettings

KIND = Kind("zookeeper", ZooKeeperSettings, ZooKeeperAdapter, main="hosts")
