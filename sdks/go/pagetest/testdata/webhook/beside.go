package main

import (
	"sidegate.dev/sdk/plugin_sdk"
	pb "sidegate.dev/sdk/proto"
)

// As it stands, the page's plugin has the whole capability.
var _ plugin_sdk.CustomEndpointHandler = (*WebhookPlugin)(nil)

func (*WebhookPlugin) handlePaymentWebhook(_ plugin_sdk.Context, req *pb.EndpointRequest) (*pb.EndpointResponse, error) {
	return &pb.EndpointResponse{Body: append([]byte("payment "), req.Body...)}, nil
}

func (*WebhookPlugin) handleUserWebhook(_ plugin_sdk.Context, req *pb.EndpointRequest) (*pb.EndpointResponse, error) {
	return &pb.EndpointResponse{Body: append([]byte("user "), req.Body...)}, nil
}
