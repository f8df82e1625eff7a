package plugin_sdk

import (
	"context"
	"errors"

	"google.golang.org/grpc"

	pb "sidegate.dev/sdk/proto"
)

// Capabilities that this SDK does not know, because no gateway here asks for them. Hosts that do ask
// get the answer of a plugin without the capability, which changes nothing.

func (*server) ProcessPreAuth(context.Context, *pb.PluginRequest) (*pb.PluginResponse, error) {
	return &pb.PluginResponse{}, nil
}

func (*server) ProcessPostAuth(context.Context, *pb.EnrichedRequest) (*pb.PluginResponse, error) {
	return &pb.PluginResponse{}, nil
}

const noAuth = "plugin does not authenticate"

func (*server) Authenticate(context.Context, *pb.AuthRequest) (*pb.AuthResponse, error) {
	return &pb.AuthResponse{ErrorMessage: noAuth}, nil
}

func (*server) GetAppByCredential(context.Context, *pb.GetAppRequest) (*pb.GetAppResponse, error) {
	return &pb.GetAppResponse{ErrorMessage: noAuth}, nil
}

func (*server) GetUserByCredential(context.Context, *pb.GetUserRequest) (*pb.GetUserResponse, error) {
	return &pb.GetUserResponse{ErrorMessage: noAuth}, nil
}

func (*server) OnBeforeWriteHeaders(context.Context, *pb.HeadersRequest) (*pb.HeadersResponse, error) {
	return &pb.HeadersResponse{}, nil
}

func (*server) OnBeforeWrite(context.Context, *pb.ResponseWriteRequest) (*pb.ResponseWriteResponse, error) {
	return &pb.ResponseWriteResponse{}, nil
}

func (*server) OnStreamComplete(context.Context, *pb.StreamCompleteRequest) (*pb.StreamCompleteResponse, error) {
	return &pb.StreamCompleteResponse{}, nil
}

func (*server) HandleProxyLog(context.Context, *pb.ProxyLogRequest) (*pb.DataCollectionResponse, error) {
	return &pb.DataCollectionResponse{Success: true}, nil
}

func (*server) HandleAnalytics(context.Context, *pb.AnalyticsRequest) (*pb.DataCollectionResponse, error) {
	return &pb.DataCollectionResponse{Success: true}, nil
}

func (*server) HandleBudgetUsage(context.Context, *pb.BudgetUsageRequest) (*pb.DataCollectionResponse, error) {
	return &pb.DataCollectionResponse{Success: true}, nil
}

func (*server) PortalCall(context.Context, *pb.PortalCallRequest) (*pb.PortalCallResponse, error) {
	return &pb.PortalCallResponse{ErrorMessage: "plugin does not provide portal RPC methods"}, nil
}

func (*server) HandleAgentMessage(*pb.AgentMessageRequest, grpc.ServerStreamingServer[pb.AgentMessageChunk]) error {
	return errors.New("plugin is not an agent")
}

func (*server) GetObjectHookRegistrations(context.Context, *pb.GetObjectHookRegistrationsRequest) (*pb.GetObjectHookRegistrationsResponse, error) {
	return &pb.GetObjectHookRegistrationsResponse{}, nil
}

func (*server) HandleObjectHook(context.Context, *pb.ObjectHookRequest) (*pb.ObjectHookResponse, error) {
	return &pb.ObjectHookResponse{AllowOperation: true}, nil
}

func (*server) ExecuteScheduledTask(context.Context, *pb.ExecuteScheduledTaskRequest) (*pb.ExecuteScheduledTaskResponse, error) {
	return nil, errors.New("plugin does not run scheduled tasks")
}

func (*server) AcceptEdgePayload(context.Context, *pb.EdgePayloadRequest) (*pb.EdgePayloadResponse, error) {
	return &pb.EdgePayloadResponse{ErrorMessage: "plugin does not accept edge payloads"}, nil
}

const noResources = "plugin does not provide resources"

func (*server) GetResourceTypeRegistrations(context.Context, *pb.GetResourceTypeRegistrationsRequest) (*pb.GetResourceTypeRegistrationsResponse, error) {
	return &pb.GetResourceTypeRegistrationsResponse{}, nil
}

func (*server) ListResourceInstances(context.Context, *pb.ListResourceInstancesRequest) (*pb.ListResourceInstancesResponse, error) {
	return &pb.ListResourceInstancesResponse{ErrorMessage: noResources}, nil
}

func (*server) GetResourceInstance(context.Context, *pb.GetResourceInstanceRequest) (*pb.GetResourceInstanceResponse, error) {
	return &pb.GetResourceInstanceResponse{ErrorMessage: noResources}, nil
}

func (*server) ValidateResourceSelection(context.Context, *pb.ValidateResourceSelectionRequest) (*pb.ValidateResourceSelectionResponse, error) {
	return &pb.ValidateResourceSelectionResponse{Valid: true}, nil
}

func (*server) CreateResourceInstance(context.Context, *pb.CreateResourceInstanceRequest) (*pb.CreateResourceInstanceResponse, error) {
	return &pb.CreateResourceInstanceResponse{ErrorMessage: noResources}, nil
}
