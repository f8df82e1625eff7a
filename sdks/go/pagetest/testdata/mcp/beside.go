package main

import (
	"fmt"

	"google.golang.org/grpc"

	"sidegate.dev/sdk/plugin_sdk"
	pb "sidegate.dev/sdk/proto"
)

type chunks = grpc.ServerStreamingServer[pb.EndpointResponseChunk]

func (*MCPProxyPlugin) processRPCRequest(req map[string]any) []string {
	return []string{
		`{"jsonrpc":"2.0","method":"notifications/progress"}`,
		fmt.Sprintf(`{"jsonrpc":"2.0","id":%v,"result":{"method":%q}}`, req["id"], req["method"]),
	}
}

func (*MCPProxyPlugin) processRPCRequestSync(req map[string]any) map[string]any {
	return map[string]any{"jsonrpc": "2.0", "id": req["id"], "result": map[string]any{"method": req["method"]}}
}

func (*MCPProxyPlugin) handleMCPGet(_ plugin_sdk.Context, req *pb.EndpointRequest, stream chunks) error {
	return send(stream, 200, "event: message\ndata: hello "+req.Headers["Mcp-Session-Id"]+"\n\n")
}

func (*MCPProxyPlugin) handleMCPDelete(_ plugin_sdk.Context, _ *pb.EndpointRequest, stream chunks) error {
	return send(stream, 204, "")
}

func send(stream chunks, status int32, body string) error {
	for _, chunk := range []*pb.EndpointResponseChunk{
		{Type: pb.EndpointResponseChunk_HEADERS, StatusCode: status},
		{Type: pb.EndpointResponseChunk_BODY, Data: []byte(body)},
		{Type: pb.EndpointResponseChunk_DONE},
	} {
		if err := stream.Send(chunk); err != nil {
			return err
		}
	}
	return nil
}

func main() { plugin_sdk.Serve(&MCPProxyPlugin{}) }
