package main

import (
	"context"
	"maps"
	"slices"
	"sync"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	gw "sidegate.dev/sdk/proto/microgateway_management"
)

// services is what this host offers: it keeps values in memory, and remembers who asked.
type services struct {
	gw.UnimplementedMicrogatewayManagementServiceServer

	mu      sync.Mutex
	values  map[string]string
	callers []uint32
}

// serve offers the services; the library tells the plugin once where they are.
func serve(broker *goplugin.GRPCBroker) *services {
	offered := &services{values: map[string]string{}}
	go broker.AcceptAndServe(brokerID, func(options []grpc.ServerOption) *grpc.Server {
		server := grpc.NewServer(options...)
		gw.RegisterMicrogatewayManagementServiceServer(server, offered)
		return server
	})
	return offered
}

func (s *services) seen() (map[string]string, []uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.values), slices.Clone(s.callers)
}

func (s *services) WritePluginKV(_ context.Context, req *gw.WritePluginKVRequest) (*gw.WritePluginKVResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, isKnown := s.values[req.GetKey()]
	s.values[req.GetKey()] = string(req.GetValue())
	s.callers = append(s.callers, req.GetContext().GetPluginId())
	return &gw.WritePluginKVResponse{Created: !isKnown}, nil
}

func (s *services) ReadPluginKV(_ context.Context, req *gw.ReadPluginKVRequest) (*gw.ReadPluginKVResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, isKnown := s.values[req.GetKey()]
	if !isKnown {
		return nil, status.Error(codes.NotFound, "key not found")
	}
	return &gw.ReadPluginKVResponse{Value: []byte(value)}, nil
}

func (s *services) DeletePluginKV(_ context.Context, req *gw.DeletePluginKVRequest) (*gw.DeletePluginKVResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, isKnown := s.values[req.GetKey()]
	delete(s.values, req.GetKey())
	return &gw.DeletePluginKVResponse{Deleted: isKnown}, nil
}
