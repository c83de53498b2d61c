"""What a real API server (1.36) says of a pod, a service and a slice, with everything that we pass over.

Recorded shapes with names to be filled in; no benchmark itself.
"""

_FIELDS = (
    '"managedFields":[{"manager":"kube-controller-manager","operation":"Update","apiVersion":"v1","time":"2026-01-01T00:00:00Z",'
    '"fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:generateName":{},"f:labels":{".":{},"f:app":{},"f:version":{},'
    '"f:pod-template-hash":{}},"f:ownerReferences":{".":{},"k:{\\"uid\\":\\"a\\"}":{}}},"f:spec":{"f:containers":{'
    '"k:{\\"name\\":\\"app\\"}":{".":{},"f:env":{},"f:image":{},"f:imagePullPolicy":{},"f:name":{},"f:ports":{},'
    '"f:resources":{},"f:terminationMessagePath":{}}},"f:dnsPolicy":{},"f:enableServiceLinks":{},"f:restartPolicy":{},'
    '"f:schedulerName":{},"f:securityContext":{},"f:terminationGracePeriodSeconds":{}}}},{"manager":"kubelet","operation":'
    '"Update","apiVersion":"v1","time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:status":{'
    '"f:conditions":{},"f:containerStatuses":{},"f:hostIP":{},"f:phase":{},"f:podIP":{},"f:podIPs":{},"f:startTime":{}}},'
    '"subresource":"status"}]'
)

POD = (
    '{"metadata":{"name":"s%(n)s-7d4b9c6f5d-%(i)s","generateName":"s%(n)s-7d4b9c6f5d-","namespace":"ns%(ns)s",'
    '"uid":"5f3c1a52-7c0e-4d0b-9a55-%(i)012d","resourceVersion":"%(i)s","creationTimestamp":"2026-01-01T00:00:00Z",'
    '"labels":{"app":"s%(n)s","version":"v%(v)s","pod-template-hash":"7d4b9c6f5d","security.istio.io/tlsMode":"istio",'
    '"service.istio.io/canonical-name":"s%(n)s","service.istio.io/canonical-revision":"v%(v)s"},'
    '"annotations":{"kubectl.kubernetes.io/restartedAt":"2026-01-01T00:00:00Z","prometheus.io/scrape":"true"},'
    '"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"s%(n)s-7d4b9c6f5d","uid":"0a0b","controller":'
    'true,"blockOwnerDeletion":true}],' + _FIELDS.replace("%", "%%") + "},"
    '"spec":{"volumes":[{"name":"token","projected":{"sources":[{"serviceAccountToken":{"expirationSeconds":3607,"path":'
    '"token"}},{"configMap":{"name":"kube-root-ca.crt","items":[{"key":"ca.crt","path":"ca.crt"}]}}],"defaultMode":420}}],'
    '"containers":[{"name":"app","image":"registry.example.com/s:v1","ports":[{"name":"http","containerPort":8080,'
    '"protocol":"TCP"}],"env":[{"name":"A","value":"b"}],"resources":{"limits":{"cpu":"1","memory":"1Gi"}},'
    '"volumeMounts":[{"name":"token","readOnly":true,"mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}],'
    '"terminationMessagePath":"/dev/termination-log","imagePullPolicy":"IfNotPresent"}],"restartPolicy":"Always",'
    '"terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","serviceAccountName":"s%(n)s","serviceAccount":"s%(n)s",'
    '"nodeName":"node-%(node)s","securityContext":{},"schedulerName":"default-scheduler","tolerations":[{"key":'
    '"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}],"priority":0,'
    '"enableServiceLinks":true},"status":{"phase":"Running","conditions":[{"type":"Initialized","status":"True",'
    '"lastTransitionTime":"2026-01-01T00:00:00Z"},{"type":"Ready","status":"True","lastTransitionTime":'
    '"2026-01-01T00:00:00Z"},{"type":"ContainersReady","status":"True"},{"type":"PodScheduled","status":"True"}],'
    '"hostIP":"192.0.2.1","podIP":"%(ip)s","podIPs":[{"ip":"%(ip)s"}],"startTime":"2026-01-01T00:00:00Z",'
    '"containerStatuses":[{"name":"app","state":{"running":{"startedAt":"2026-01-01T00:00:00Z"}},"ready":true,'
    '"restartCount":0,"image":"registry.example.com/s:v1","imageID":"sha256:0","containerID":"containerd://0",'
    '"started":true}],"qosClass":"Burstable"}}'
)

SERVICE = (
    '{"metadata":{"name":"s%(n)s","namespace":"ns%(ns)s","uid":"5f3c1a52-7c0e-4d0b-9a55-%(n)012d","resourceVersion":"%(n)s",'
    '"creationTimestamp":"2026-01-01T00:00:00Z","labels":{"app":"s%(n)s"}},"spec":{"ports":[{"name":"http","protocol":"TCP",'
    '"port":80,"targetPort":8080}],"selector":{"app":"s%(n)s"},"clusterIP":"%(ip)s","clusterIPs":["%(ip)s"],"type":'
    '"ClusterIP","sessionAffinity":"None","ipFamilies":["IPv4"],"ipFamilyPolicy":"SingleStack","internalTrafficPolicy":'
    '"Cluster"},"status":{"loadBalancer":{}}}'
)

SLICE_MEMBER = (
    '{"addresses":["%(ip)s"],"conditions":{"ready":%(ready)s,"serving":%(ready)s,"terminating":false},"targetRef":{"kind":'
    '"Pod","namespace":"ns%(ns)s","name":"s%(n)s-7d4b9c6f5d-%(i)s","uid":"5f3c1a52-7c0e-4d0b-9a55-%(i)012d"},"nodeName":'
    '"node-%(node)s","zone":"z0"}'
)

SLICE = (
    '{"metadata":{"name":"s%(n)s-8dm9l","generateName":"s%(n)s-","namespace":"ns%(ns)s","uid":"7","resourceVersion":"%(n)s",'
    '"generation":3,"creationTimestamp":"2026-01-01T00:00:00Z","labels":{"app":"s%(n)s","endpointslice.kubernetes.io/'
    'managed-by":"endpointslice-controller.k8s.io","kubernetes.io/service-name":"s%(n)s"},"annotations":{'
    '"endpoints.kubernetes.io/last-change-trigger-time":"2026-01-01T00:00:00Z"},"ownerReferences":[{"apiVersion":"v1",'
    '"kind":"Service","name":"s%(n)s","uid":"7","controller":true,"blockOwnerDeletion":true}]},"addressType":"IPv4",'
    '"endpoints":[%(members)s],"ports":[{"name":"http","protocol":"TCP","port":8080}]}'
)
