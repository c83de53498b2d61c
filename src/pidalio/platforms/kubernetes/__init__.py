"""Kubernetes as a platform: its services, its pods, its rules, and what is told back to it."""

from pidalio.platforms.adapter import Kind
from pidalio.platforms.kubernetes.adapter import Kubernetes
from pidalio.platforms.kubernetes.settings import KubernetesSettings

KIND = Kind("kubernetes", KubernetesSettings, Kubernetes, main="kubeconfig")
