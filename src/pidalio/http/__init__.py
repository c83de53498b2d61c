"""The HTTP API: how commands, agents and people's tools speak to a control plane.

`operations` lists everything that can be asked, `app` serves it, `client` asks it, `wire` has the bodies of both.
What it needs of the control plane is `mesh.Mesh`; it never knows which one it is.
"""
