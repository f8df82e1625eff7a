// Command mcp is the MCP proxy that the page of the plugin interface sketches: one wildcard for POST, GET and DELETE, every
// answer a stream, sessions by Mcp-Session-Id, and access by the app's metadata. What the page leaves to the plugin (sessions,
// JSON-RPC, tools) is beside it.
package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"google.golang.org/grpc"

	"sidegate.dev/sdk/plugin_sdk"
	pb "sidegate.dev/sdk/proto"
)

// MCPProxyPlugin is what the page calls it.
type MCPProxyPlugin struct {
	plugin_sdk.BasePlugin
	sessions sync.Map // sessionID → session state

	mu     sync.Mutex
	guests []chan struct{}
}

func main() {
	plugin_sdk.Serve(&MCPProxyPlugin{BasePlugin: plugin_sdk.NewBasePlugin("mcp-proxy", "1.0.0", "The page's MCP proxy")})
}

// GetEndpointRegistrations is the page's, letter by letter.
func (p *MCPProxyPlugin) GetEndpointRegistrations() ([]*pb.EndpointRegistration, error) {
	return []*pb.EndpointRegistration{
		{
			Path:           "/*",
			Methods:        []string{"POST", "GET", "DELETE"},
			Description:    "MCP Streamable HTTP proxy",
			RequireAuth:    true,
			StreamResponse: true, // Use streaming for all requests
		},
	}, nil
}

// HandleEndpointRequestStream is the page's, with its check of the app's metadata before it.
func (p *MCPProxyPlugin) HandleEndpointRequestStream(
	ctx plugin_sdk.Context,
	req *pb.EndpointRequest,
	stream grpc.ServerStreamingServer[pb.EndpointResponseChunk],
) error {
	if !req.Authenticated || req.App == nil {
		return whole(stream, 401, nil, "Unauthorized")
	}
	if req.App.Metadata["mcp_access"] != "allowed" {
		return whole(stream, 403, nil, "Forbidden")
	}
	switch req.Method {
	case "POST":
		return p.handleMCPPost(ctx, req, stream)
	case "GET":
		return p.handleMCPGet(ctx, req, stream)
	case "DELETE":
		return p.handleMCPDelete(ctx, req, stream)
	default:
		return whole(stream, 405, nil, "")
	}
}

func (p *MCPProxyPlugin) handleMCPPost(ctx plugin_sdk.Context, req *pb.EndpointRequest, stream grpc.ServerStreamingServer[pb.EndpointResponseChunk]) error {
	var rpcReq message
	if err := json.Unmarshal(req.Body, &rpcReq); err != nil {
		return whole(stream, 400, nil, string(failed(nil, -32700, "Parse error")))
	}
	session, status := p.sessionOf(req, rpcReq.Method == "initialize")
	if session == nil {
		return whole(stream, status, nil, string(failed(rpcReq.ID, -32001, "Session not found")))
	}
	headers := map[string]string{"Mcp-Session-Id": session.id}
	if rpcReq.ID == nil || rpcReq.Method == "" {
		session.heard(rpcReq)
		return whole(stream, 202, headers, "")
	}
	// Check if client accepts SSE
	acceptsSSE := strings.Contains(req.Headers["Accept"], "text/event-stream")
	if !acceptsSSE {
		// Single JSON response
		headers["Content-Type"] = "application/json"
		return whole(stream, 200, headers, string(p.processRPCRequestSync(ctx, session, rpcReq)))
	}
	// Stream response as SSE
	if err := begin(stream, headers); err != nil {
		return err
	}
	for _, event := range p.processRPCRequest(ctx, session, rpcReq) {
		if err := sendEvent(stream, event); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return stream.Send(&pb.EndpointResponseChunk{Type: pb.EndpointResponseChunk_DONE})
}

// handleMCPGet tells what the server says by itself, until the client goes or the session ends.
func (p *MCPProxyPlugin) handleMCPGet(ctx plugin_sdk.Context, req *pb.EndpointRequest, stream grpc.ServerStreamingServer[pb.EndpointResponseChunk]) error {
	session, status := p.sessionOf(req, false)
	if session == nil {
		return whole(stream, status, nil, "")
	}
	if err := begin(stream, map[string]string{}); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-session.ended:
			return stream.Send(&pb.EndpointResponseChunk{Type: pb.EndpointResponseChunk_DONE})
		case event := <-session.inbound:
			if err := sendEvent(stream, event); err != nil {
				return err
			}
		}
	}
}

func (p *MCPProxyPlugin) handleMCPDelete(_ plugin_sdk.Context, req *pb.EndpointRequest, stream grpc.ServerStreamingServer[pb.EndpointResponseChunk]) error {
	session, status := p.sessionOf(req, false)
	if session == nil {
		return whole(stream, status, nil, "")
	}
	p.sessions.Delete(session.id)
	session.end()
	return whole(stream, 200, nil, "")
}

// begin sends the head of a stream of events.
func begin(stream grpc.ServerStreamingServer[pb.EndpointResponseChunk], headers map[string]string) error {
	headers["Content-Type"] = "text/event-stream"
	headers["Cache-Control"] = "no-cache"
	return stream.Send(&pb.EndpointResponseChunk{Type: pb.EndpointResponseChunk_HEADERS, StatusCode: 200, Headers: headers})
}

func sendEvent(stream grpc.ServerStreamingServer[pb.EndpointResponseChunk], event []byte) error {
	data := fmt.Sprintf("data: %s\n\n", event)
	return stream.Send(&pb.EndpointResponseChunk{Type: pb.EndpointResponseChunk_BODY, Data: []byte(data)})
}

// whole sends an answer that is complete.
func whole(stream grpc.ServerStreamingServer[pb.EndpointResponseChunk], status int32, headers map[string]string, body string) error {
	chunks := []*pb.EndpointResponseChunk{
		{Type: pb.EndpointResponseChunk_HEADERS, StatusCode: status, Headers: headers},
		{Type: pb.EndpointResponseChunk_BODY, Data: []byte(body)},
		{Type: pb.EndpointResponseChunk_DONE},
	}
	for _, chunk := range chunks {
		if err := stream.Send(chunk); err != nil {
			return err
		}
	}
	return nil
}
