"""Names of Litmus' faults that the catalogue lacks: of clouds, applications and machines, and former ones."""

from __future__ import annotations

_CLOUDS = """
aws-ssm-chaos-by-id aws-ssm-chaos-by-tag
ebs-loss-by-id ebs-loss-by-tag ec2-stop-by-id ec2-stop-by-tag ec2-terminate-by-id ec2-terminate-by-tag
rds-instance-stop
azure-disk-loss azure-instance-stop azure-instance-terminate
gcp-vm-disk-loss gcp-vm-disk-loss-by-label gcp-vm-instance-stop gcp-vm-instance-stop-by-label
vm-poweroff
"""
_APPLICATIONS = """
cassandra-pod-delete coredns-pod-delete kafka-broker-disk-failure kafka-broker-pod-failure
openebs-control-plane-chaos openebs-nfs-provisioner-kill
openebs-pool-container-failure openebs-pool-disk-loss openebs-pool-network-delay openebs-pool-network-loss
openebs-pool-pod-failure
openebs-target-container-failure openebs-target-network-delay openebs-target-network-loss
openebs-target-pod-failure
spring-boot-app-kill spring-boot-cpu-stress spring-boot-exceptions spring-boot-faults spring-boot-latency
spring-boot-memory-stress
k6-loadgen locust-loadgen
"""
_MACHINES = "process-kill redfish-node-restart"
_FORMER = """
byoc-pod-delete cpu-hog disk-loss drain-node ebs-loss ec2-terminate
k8-alb-ingress-controller k8-calico-node k8-kiam k8-kube-proxy k8-pod-delete k8-prometheus-k8s-prometheus
k8-prometheus-operator k8-prometheus-pushgateway k8-service-kill k8-wavefront-collector
"""

OTHERS = frozenset(f"{_CLOUDS} {_APPLICATIONS} {_MACHINES}".split())
"""Faults of Litmus of which nothing but the name is known here."""

FORMER = frozenset(_FORMER.split())
"""Faults that Litmus 1.x had."""
