"""What users write: Istio's kinds, Kubernetes' own and ours, as typed, frozen, hashable structs."""
