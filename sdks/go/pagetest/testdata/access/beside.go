package main

import (
	"sidegate.dev/sdk/plugin_sdk"
	pb "sidegate.dev/sdk/proto"
)

type MyPlugin struct{ plugin_sdk.BasePlugin }

func (*MyPlugin) GetEndpointRegistrations() ([]*pb.EndpointRegistration, error) {
	return []*pb.EndpointRegistration{
		{Path: "/*", Methods: []string{"GET", "POST"}, RequireAuth: true},
		{Path: "/open", Methods: []string{"GET"}},
	}, nil
}

func (*MyPlugin) processRequest(req *pb.EndpointRequest) (*pb.EndpointResponse, error) {
	return &pb.EndpointResponse{Body: []byte("welcome " + req.App.Name)}, nil
}

func main() { plugin_sdk.Serve(&MyPlugin{}) }
