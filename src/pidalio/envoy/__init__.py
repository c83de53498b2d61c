"""Plans in, protobuf out: the only package that knows Envoy's messages.

`protos` builds message classes from the descriptors that the Envoy executable itself carries, `messages` names those
in use; one module per resource type and one per HTTP filter turn `pidalio.ir` plans into messages, and `resource`
turns messages into the bytes that travel.
Invariant: equal plans give equal bytes; nothing here looks at a clock, a network or another plan.
"""
