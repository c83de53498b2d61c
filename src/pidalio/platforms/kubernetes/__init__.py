"""Kubernetes as a platform: its services, its pods, its rules, and what is told back to it."""
