package main

import (
	"sidegate.dev/sdk/plugin_sdk"
	pb "sidegate.dev/sdk/proto"
)

type MyPlugin struct{ plugin_sdk.BasePlugin }

func (*MyPlugin) HandleEndpointRequest(_ plugin_sdk.Context, req *pb.EndpointRequest) (*pb.EndpointResponse, error) {
	return &pb.EndpointResponse{Body: []byte(req.Method + " " + req.RelativePath)}, nil
}

func main() { plugin_sdk.Serve(&MyPlugin{}) }
