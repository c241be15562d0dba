package vpcflow

import "github.com/logferry/logferry/pkg/format"

// columns returns the columns of a row. From is the field's name in the
// header.
func columns() []format.Column {
	return []format.Column{
		{Name: "TimeGenerated", From: "start", Doc: "Null when the log has no start field: the service then sets the time of arrival."},
		{Name: "Version", From: "version", Doc: "The highest version among the fields of the log."},
		{Name: "AccountId", From: "account-id"},
		{Name: "InterfaceId", From: "interface-id"},
		{Name: "SrcAddr", From: "srcaddr"},
		{Name: "DstAddr", From: "dstaddr"},
		{Name: "SrcPort", From: "srcport"},
		{Name: "DstPort", From: "dstport"},
		{Name: "Protocol", From: "protocol"},
		{Name: "Packets", From: "packets", Doc: "Null when it does not fit 32 bits, which is counted."},
		{Name: "Bytes", From: "bytes"},
		{Name: "End", From: "end"},
		{Name: "Action", From: "action"},
		{Name: "LogStatus", From: "log-status", Doc: "Rows of NODATA and SKIPDATA are kept."},
		{Name: "VpcId", From: "vpc-id"},
		{Name: "SubnetId", From: "subnet-id"},
		{Name: "InstanceId", From: "instance-id"},
		{Name: "TcpFlags", From: "tcp-flags"},
		{Name: "TrafficType", From: "type"},
		{Name: "PktSrcAddr", From: "pkt-srcaddr"},
		{Name: "PktDstAddr", From: "pkt-dstaddr"},
		{Name: "Region", From: "region"},
		{Name: "AzId", From: "az-id"},
		{Name: "SublocationType", From: "sublocation-type"},
		{Name: "SublocationId", From: "sublocation-id"},
		{Name: "PktSrcAwsService", From: "pkt-src-aws-service"},
		{Name: "PktDstAwsService", From: "pkt-dst-aws-service"},
		{Name: "FlowDirection", From: "flow-direction"},
		{Name: "TrafficPath", From: "traffic-path"},
		{Name: "EcsClusterArn", From: "ecs-cluster-arn"},
		{Name: "EcsClusterName", From: "ecs-cluster-name"},
		{Name: "EcsContainerInstanceArn", From: "ecs-container-instance-arn"},
		{Name: "EcsContainerInstanceId", From: "ecs-container-instance-id"},
		{Name: "EcsContainerId", From: "ecs-container-id"},
		{Name: "EcsSecondContainerId", From: "ecs-second-container-id"},
		{Name: "EcsServiceName", From: "ecs-service-name"},
		{Name: "EcsTaskDefinitionArn", From: "ecs-task-definition-arn"},
		{Name: "EcsTaskArn", From: "ecs-task-arn"},
		{Name: "EcsTaskId", From: "ecs-task-id"},
		{Name: "Start", From: "start", Doc: "The same as TimeGenerated, and not replaced by the service when it is old."},
	}
}
