"""Fields that no compiled plan shows: what else proves each.

`ELSEWHERE` names a test, which must be collected and must not be skipped. `REFUSED` names the mistake (tests/unit/api/test_validate.py) that shows how a
field is refused.
"""

_PROBE = "tests/unit/agent/test_probe.py::"
_GOLDEN = "tests/golden/test_golden.py::test_the_input_compiles_to_what_is_kept"
_HASHING = "tests/unit/rules/test_hashing.py::"
_PROCESS = "tests/unit/agent/test_sidecar.py::"
_STARTING = "tests/unit/rules/test_process.py::"
_WORKLOAD = "tests/unit/agent/test_workload.py::"
_SETTINGS = "tests/unit/rules/test_listener_settings.py::"
_CLIENT_CERT = {
    f"MeshConfig defaultConfig.{field}={value}": f"{_SETTINGS}test_what_becomes_of_callers_certificates[{direction}-{value}]"
    for field, direction in (
        ("gatewayTopology.forwardClientCertDetails", "gateway-"),
        ("proxyHeaders.forwardedClientCert", "inbound-"),
    )
    for value in ("SANITIZE", "FORWARD_ONLY", "APPEND_FORWARD", "SANITIZE_SET")
}
_INGRESS = "tests/unit/rules/test_ingress_listeners.py::"
_INGRESSES = "tests/unit/rules/test_ingress.py::TestWhichCount::"
_INBOUND = "tests/unit/rules/test_virtual_inbound.py::"
ELSEWHERE: dict[str, str] = _CLIENT_CERT | {
    "Sidecar ingress[].captureMode=NONE": f"{_INGRESS}test_where_connections_are_redirected_only_some_have_a_port_of_their_own",
    "Sidecar ingress[].captureMode=IPTABLES": f"{_INGRESS}test_where_they_listen[captureMode: IPTABLES-place3]",
    "MeshConfig ingressService": f"{_INGRESSES}test_the_name_of_the_service_stands_for_the_label_of_its_proxies[ingressService: edge-edge]",
    "MeshConfig proxyInboundListenPort": f"{_INBOUND}test_its_port_and_its_wait_are_the_meshs",
    "MeshConfig inboundTrafficPolicy": f"{_INBOUND}test_where_connections_go[{{inboundTrafficPolicy: {{mode: LOCALHOST}}}}-Discovery.STATIC-]",
    "MeshConfig inboundTrafficPolicy.mode=LOCALHOST": f"{_INBOUND}test_where_connections_go[{{inboundTrafficPolicy: {{mode: LOCALHOST}}}}-Discovery.STATIC-]",
    "MeshConfig defaultConfig.proxyHeaders.server.disabled": f"{_SETTINGS}test_headers_and_limits[no server]",
    "DestinationRule trafficPolicy.loadBalancer.localityLbSetting.distribute[].to": f"{_GOLDEN}[destinations/localities]",
    "DestinationRule trafficPolicy.portLevelSettings[].loadBalancer.localityLbSetting.distribute[].to": f"{_GOLDEN}[destinations/localities]",
    "DestinationRule subsets[].trafficPolicy.loadBalancer.localityLbSetting.distribute[].to": f"{_GOLDEN}[destinations/localities]",
    "DestinationRule subsets[].trafficPolicy.portLevelSettings[].loadBalancer.localityLbSetting.distribute[].to": f"{_GOLDEN}[destinations/localities]",
    "MeshConfig localityLbSetting.distribute[].to": f"{_GOLDEN}[destinations/mesh-distribute]",
    "DestinationRule trafficPolicy.loadBalancer.consistentHash.useSourceIp": f"{_HASHING}test_source_address[host]",
    "DestinationRule trafficPolicy.portLevelSettings[].loadBalancer.consistentHash.useSourceIp": f"{_HASHING}test_source_address[port]",
    "DestinationRule subsets[].trafficPolicy.loadBalancer.consistentHash.useSourceIp": f"{_HASHING}test_source_address[subset]",
    "DestinationRule subsets[].trafficPolicy.portLevelSettings[].loadBalancer.consistentHash.useSourceIp": f"{_HASHING}test_source_address[port-of-subset]",
    "Gateway servers[].port.name": "tests/unit/api/test_validate.py::test_finds[Gateway-port-name-twice]",
    "Sidecar egress[].port.name": "tests/unit/rules/test_outbound.py::TestListeners::test_the_name_of_a_port_is_for_people",
    "VirtualService http[].sticky.sourceAddress": "tests/traffic/test_sticky.py::test_a_gateway_goes_by_addresses",
    "VirtualService http[].fault.abort.grpcStatus": (
        "tests/traffic/test_protocols.py::TestGrpc::"
        "test_what_the_proxy_answers_is_a_grpc_status[HTTP2-x-aborted-StatusCode.RESOURCE_EXHAUSTED]"
    ),
    "LocalWorkload command": f"{_WORKLOAD}test_listening_is_noticed",
    "LocalWorkload environment": f"{_WORKLOAD}test_own_environment_wins_and_may_refer_to_ours",
    "LocalWorkload workingDirectory": "tests/unit/agent/test_sidecar.py::test_folder_that_is_not_there_names_its_field",
    "LocalWorkload probe.initialDelaySeconds": f"{_PROBE}test_rhythm_is_quick_until_the_first_success",
    "LocalWorkload probe.periodSeconds": f"{_PROBE}test_rhythm_is_quick_until_the_first_success",
    "LocalWorkload probe.timeoutSeconds": f"{_PROBE}test_hanging_answer_is_a_failure",
    "LocalWorkload probe.successThreshold": f"{_PROBE}test_verdicts[success threshold in a row]",
    "LocalWorkload probe.failureThreshold": f"{_PROBE}test_verdicts[failure threshold]",
    "LocalWorkload probe.httpGet.path": f"{_PROBE}test_http[/400-status 400]",
    "LocalWorkload probe.httpGet.httpHeaders[].name": f"{_PROBE}test_http_headers_are_sent",
    "LocalWorkload probe.httpGet.httpHeaders[].value": f"{_PROBE}test_http_headers_are_sent",
    "LocalWorkload probe.httpGet.host": f"{_PROBE}test_another_host_is_asked",
    "LocalWorkload probe.httpGet.port": f"{_PROBE}test_the_declared_port_is_asked",
    "LocalWorkload probe.httpGet.scheme": f"{_PROBE}test_the_scheme_is_spoken",
    "LocalWorkload probe.tcpSocket.host": f"{_PROBE}test_another_host_is_asked",
    "LocalWorkload probe.tcpSocket.port": f"{_PROBE}test_tcp",
    "LocalWorkload probe.exec.command": f"{_PROBE}test_exec",
    "LocalWorkload probe.grpc.port": f"{_PROBE}test_grpc[all]",
    "LocalWorkload probe.grpc.service": f"{_PROBE}test_grpc[sick]",
}
_GROUP = "tests/unit/platforms/local/test_groups.py::"
_HOW = {"httpGet": "http", "tcpSocket": "tcp", "exec": "exec", "grpc": "grpc"}
ELSEWHERE |= {
    **{
        f"WorkloadGroup {field}": f"{_GROUP}test_what_a_group_says[{field.removeprefix('template.')}]"
        for field in ("metadata.annotations", "template.ports", "template.network", "template.locality")
    },
    "WorkloadGroup metadata.labels": f"{_GROUP}test_what_a_group_says[metadata.labels]",
    "WorkloadGroup template": f"{_GROUP}test_what_a_group_says[template.labels]",
    "WorkloadGroup template.labels": f"{_GROUP}test_what_a_group_says[template.labels]",
    "WorkloadGroup template.weight": f"{_GROUP}test_what_a_group_says[weight]",
    **{
        f"WorkloadGroup {field.removeprefix('LocalWorkload ')}": (
            f"{_GROUP}test_a_group_says_how_its_instances_are_probed[{_HOW.get(field.split('.')[1], 'http')}]"
        )
        for field in ELSEWHERE
        if field.startswith("LocalWorkload probe.")
    },
}
ELSEWHERE |= {
    "ProxyConfig selector": f"{_STARTING}test_the_nearest_decides[workload]",
    "ProxyConfig selector.matchLabels": f"{_STARTING}test_the_nearest_decides[others]",
    "ProxyConfig concurrency": f"{_STARTING}test_the_nearest_decides[namespace]",
    "ProxyConfig environmentVariables": f"{_STARTING}test_the_nearest_decides[namespace]",
    "MeshConfig defaultConfig": f"{_STARTING}test_the_nearest_decides[mesh]",
    "MeshConfig defaultConfig.concurrency": f"{_PROCESS}test_settings_of_the_process_count_from_its_next_start",
    "MeshConfig defaultConfig.drainDuration": f"{_PROCESS}test_settings_of_the_process_count_from_its_next_start",
    "MeshConfig defaultConfig.fileFlushInterval": f"{_PROCESS}test_settings_of_the_process_count_from_its_next_start",
    "MeshConfig defaultConfig.fileFlushMinSizeKb": f"{_PROCESS}test_settings_of_the_process_count_from_its_next_start",
    "MeshConfig defaultConfig.proxyMetadata": f"{_PROCESS}test_settings_of_the_process_count_from_its_next_start",
    "MeshConfig defaultConfig.terminationDrainDuration": f"{_PROCESS}test_settings_say_how_long_callers_have_to_leave",
    "MeshConfig defaultConfig.holdApplicationUntilProxyStarts": (
        f"{_PROCESS}test_application_may_be_held_until_its_envoy_serves"
    ),
    **{
        f"MeshConfig defaultConfig.{name}": "tests/unit/envoy/test_bootstrap.py::test_settings_of_the_process_are_in_it"
        for name in (
            "runtimeValues",
            "proxyStatsMatcher",
            "proxyStatsMatcher.inclusionPrefixes",
            "proxyStatsMatcher.inclusionSuffixes",
            "proxyStatsMatcher.inclusionRegexps",
        )
    },
}
REFUSED: dict[str, str] = {
    "VirtualService http[].fault.delay.exponentialDelay": "VirtualService-delay-exponential",
    "VirtualService http[].fault.abort.http2Error": "VirtualService-abort-http2",
    "Gateway servers[].port.targetPort": "Gateway-target-port",
    "WorkloadGroup template.address": "WorkloadGroup-address",
}
UNPROVEN: frozenset[str] = frozenset(
    """
    ServiceEntry location=MESH_INTERNAL
    """.strip().split("\n    ")
)
"""Fields that are said to work and wait for a test: nothing is to be added here, and what is here is to go."""
