"""Pidalio: a traffic-management control plane that steers real Envoy proxies with Istio's rules."""
