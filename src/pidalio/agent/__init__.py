"""Beside each Envoy: what starts it, tells when it is ready, watches it and its workload, drains and stops both.

`sidecar` composes one instance and is the page to read first; `processes` and `guard` keep the promise that nothing
outlives the agent; `relay` keeps the last good configuration while the control plane is away.
Everything is asyncio tasks: under `up` the agents of all instances share one process, `pidalio agent` runs one.
What an agent tells the control plane goes through the callables of `sidecar.ControlPlane`, so that it is the same
whether the store is in this process or behind HTTP.
"""
