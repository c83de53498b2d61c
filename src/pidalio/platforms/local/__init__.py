"""Workloads that Pidalio runs itself on this machine, as a platform like any other.

`addresses` says where instances are, `workloads` turns `LocalWorkload` objects and what is known of their replicas into
the `model.Workload` rows that every platform reports. Starting them is the agent's.
"""
