// Command raw is a plugin on the library alone, without any SDK: it knows no extension of the
// protocol, has no sessions, and asks the broker for the host anew at every call.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	pb "sidegate.dev/sdk/proto"
)

// raw is the plugin.
type raw struct {
	pb.UnimplementedPluginServiceServer

	broker *goplugin.GRPCBroker

	mu     sync.Mutex
	config map[string]string
	// held are connections to the host that are kept open.
	held []*grpc.ClientConn
}

// wiring is where the library asks for the service.
type wiring struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (wiring) GRPCServer(broker *goplugin.GRPCBroker, server *grpc.Server) error {
	pb.RegisterPluginServiceServer(server, &raw{broker: broker})
	return nil
}

func (wiring) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("this is the plugin's side")
}

func main() {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: goplugin.HandshakeConfig{
			ProtocolVersion: 1, MagicCookieKey: "AI_STUDIO_PLUGIN", MagicCookieValue: "v1",
		},
		Plugins:    goplugin.PluginSet{"plugin": wiring{}},
		GRPCServer: goplugin.DefaultGRPCServer,
		Logger:     hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: os.Stderr, JSONFormat: true}),
	})
}

func (r *raw) Initialize(_ context.Context, req *pb.InitRequest) (*pb.InitResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.config = req.GetConfig()
	return &pb.InitResponse{Success: true}, nil
}

func (*raw) Ping(_ context.Context, req *pb.PingRequest) (*pb.PingResponse, error) {
	return &pb.PingResponse{Timestamp: req.GetTimestamp(), Healthy: true}, nil
}

func (*raw) Shutdown(context.Context, *pb.ShutdownRequest) (*pb.ShutdownResponse, error) {
	return &pb.ShutdownResponse{Success: true}, nil
}

func (*raw) GetEndpointRegistrations(context.Context, *pb.GetEndpointRegistrationsRequest) (*pb.GetEndpointRegistrationsResponse, error) {
	both := []string{"GET", "POST"}
	answer := &pb.GetEndpointRegistrationsResponse{}
	for _, path := range []string{"/echo", "/pid", "/slow", "/crash", "/dial", "/hold", "/held"} {
		answer.Registrations = append(answer.Registrations, &pb.EndpointRegistration{Path: path, Methods: both})
	}
	stream := &pb.EndpointRegistration{Path: "/events", Methods: []string{"GET"}, StreamResponse: true}
	private := &pb.EndpointRegistration{Path: "/private", Methods: []string{"GET"}, RequireAuth: true}
	answer.Registrations = append(answer.Registrations, stream, private)
	return answer, nil
}

func (r *raw) HandleEndpointRequest(ctx context.Context, req *pb.EndpointRequest) (*pb.EndpointResponse, error) {
	query, err := url.ParseQuery(req.QueryString)
	if err != nil {
		return nil, err
	}
	switch strings.TrimPrefix(req.RelativePath, "/") {
	case "pid":
		return &pb.EndpointResponse{Body: []byte(strconv.Itoa(os.Getpid()))}, nil
	case "slow":
		milliseconds, _ := strconv.Atoi(query.Get("ms"))
		time.Sleep(time.Duration(milliseconds) * time.Millisecond)
		return &pb.EndpointResponse{Body: []byte(strconv.Itoa(os.Getpid()))}, nil
	case "crash":
		// Nothing below catches it.
		panic("the process was asked to panic")
	case "dial":
		return answer(r.dial(ctx, query))
	case "hold":
		return answer(r.hold(ctx))
	case "held":
		return answer(r.askHeld(ctx))
	}
	return answer(shown{
		"method": req.Method, "path": req.Path, "relative_path": req.RelativePath, "path_segments": req.PathSegments,
		"query_string": req.QueryString, "headers": req.Headers, "header_list": len(req.HeaderList),
		"raw_path": len(req.RawPath), "body": string(req.Body), "body_len": len(req.Body), "protocol": req.Protocol,
		"authenticated": req.Authenticated, "app": req.GetApp().GetName(), "remote_addr": req.RemoteAddr,
	})
}

// HandleEndpointRequestStream sends three events.
func (*raw) HandleEndpointRequestStream(req *pb.EndpointRequest, stream grpc.ServerStreamingServer[pb.EndpointResponseChunk]) error {
	chunks := []*pb.EndpointResponseChunk{
		{Type: pb.EndpointResponseChunk_HEADERS, Headers: map[string]string{"Content-Type": "text/event-stream"}},
	}
	for i := range 3 {
		data := "data: " + strconv.Itoa(i) + "\n\n"
		chunks = append(chunks, &pb.EndpointResponseChunk{Type: pb.EndpointResponseChunk_BODY, Data: []byte(data)})
	}
	chunks = append(chunks, &pb.EndpointResponseChunk{Type: pb.EndpointResponseChunk_DONE})
	for _, chunk := range chunks {
		if err := stream.Send(chunk); err != nil {
			return err
		}
	}
	return nil
}

// shown is what an answer shows, as JSON.
type shown map[string]any

func answer(value shown) (*pb.EndpointResponse, error) {
	body, err := json.Marshal(value)
	headers := map[string]string{"Content-Type": "application/json"}
	return &pb.EndpointResponse{Headers: headers, Body: body}, err
}
