package main

import (
	"sidegate.dev/sdk/plugin_sdk"
	pb "sidegate.dev/sdk/proto"
)

type MyPlugin struct{ plugin_sdk.BasePlugin }

func (*MyPlugin) GetEndpointRegistrations() ([]*pb.EndpointRegistration, error) {
	return []*pb.EndpointRegistration{{Path: "/*", Methods: []string{"GET"}}}, nil
}

func (*MyPlugin) handleRoot(*pb.EndpointRequest) (*pb.EndpointResponse, error) {
	return &pb.EndpointResponse{Body: []byte("root")}, nil
}

func (*MyPlugin) handleWellKnown(name string, _ *pb.EndpointRequest) (*pb.EndpointResponse, error) {
	return &pb.EndpointResponse{Body: []byte("well-known " + name)}, nil
}

func (*MyPlugin) handleUser(id string, _ *pb.EndpointRequest) (*pb.EndpointResponse, error) {
	return &pb.EndpointResponse{Body: []byte("user " + id)}, nil
}

func main() { plugin_sdk.Serve(&MyPlugin{}) }
