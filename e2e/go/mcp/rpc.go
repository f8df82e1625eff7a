package main

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"slices"
	"strconv"

	"sidegate.dev/sdk/plugin_sdk"
)

// versions of the protocol, the newest first.
var versions = []string{"2025-11-25", "2025-06-18", "2025-03-26"}

// message is a question or a notification of JSON-RPC.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

// call is what a client says of a tool.
type call struct {
	Name      string `json:"name"`
	Arguments struct {
		Text string `json:"text"`
		N    int    `json:"n"`
	} `json:"arguments"`
	Meta struct {
		ProgressToken json.RawMessage `json:"progressToken"`
	} `json:"_meta"`
}

func encoded(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		return failed(nil, -32603, "Internal error")
	}
	return text
}

func result(id json.RawMessage, value any) []byte {
	return encoded(map[string]any{"jsonrpc": "2.0", "id": id, "result": value})
}

func failed(id json.RawMessage, code int, text string) []byte {
	if id == nil {
		id = json.RawMessage("null")
	}
	return encoded(map[string]any{"jsonrpc": "2.0", "id": id, "error": map[string]any{"code": code, "message": text}})
}

func notification(method string, params map[string]any) []byte {
	return encoded(map[string]any{"jsonrpc": "2.0", "method": method, "params": params})
}

func text(id json.RawMessage, words string) []byte {
	return result(id, map[string]any{"content": []any{map[string]any{"type": "text", "text": words}}})
}

// processRPCRequestSync is the answer alone.
func (p *MCPProxyPlugin) processRPCRequestSync(ctx plugin_sdk.Context, s *session, rpcReq message) []byte {
	var last []byte
	for _, event := range p.processRPCRequest(ctx, s, rpcReq) {
		last = event
	}
	return last
}

// processRPCRequest gives each event when it happens, the answer as the last one. What was cancelled has none.
func (p *MCPProxyPlugin) processRPCRequest(ctx plugin_sdk.Context, s *session, rpcReq message) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		switch rpcReq.Method {
		case "initialize":
			yield(0, result(rpcReq.ID, agreed(rpcReq.Params)))
		case "ping", "logging/setLevel":
			yield(0, result(rpcReq.ID, map[string]any{}))
		case "tools/list":
			yield(0, result(rpcReq.ID, map[string]any{"tools": tools()}))
		case "tools/call":
			running, done := s.runs(ctx, rpcReq.ID)
			defer done()
			p.call(running, s, rpcReq, yield)
		default:
			yield(0, failed(rpcReq.ID, -32601, "Method not found"))
		}
	}
}

func agreed(params json.RawMessage) map[string]any {
	var asked struct {
		ProtocolVersion string `json:"protocolVersion"`
	}
	version := versions[0]
	if json.Unmarshal(params, &asked) == nil && slices.Contains(versions, asked.ProtocolVersion) {
		version = asked.ProtocolVersion
	}
	return map[string]any{
		"protocolVersion": version,
		"capabilities":    map[string]any{"tools": map[string]any{}, "logging": map[string]any{}},
		"serverInfo":      map[string]any{"name": "mcp-proxy", "version": "1.0.0"},
	}
}

func tools() []any {
	named := func(name, does string, properties map[string]any) any {
		schema := map[string]any{"type": "object", "properties": properties}
		return map[string]any{"name": name, "description": does, "inputSchema": schema}
	}
	none := map[string]any{}
	words, number := map[string]any{"type": "string"}, map[string]any{"type": "integer"}
	return []any{
		named("echo", "Says it again.", map[string]any{"text": words}),
		named("wait", "Tells of its progress, and waits for go.", none),
		named("go", "Lets wait go on.", none),
		named("meet", "Answers once n are there.", map[string]any{"n": number, "text": words}),
		named("announce", "Says something to who listens.", map[string]any{"text": words}),
		named("pid", "The process that answers.", none),
	}
}

func (p *MCPProxyPlugin) call(ctx context.Context, s *session, rpcReq message, yield func(int, []byte) bool) {
	var asked call
	if json.Unmarshal(rpcReq.Params, &asked) != nil {
		yield(0, failed(rpcReq.ID, -32602, "Invalid params"))
		return
	}
	switch asked.Name {
	case "echo":
		yield(0, text(rpcReq.ID, asked.Arguments.Text))
	case "wait":
		token := asked.Meta.ProgressToken
		if token != nil && !yield(0, notification("notifications/progress", map[string]any{"progressToken": token, "progress": 1})) {
			return
		}
		select {
		case <-ctx.Done():
			s.tell("cancelled")
		case <-s.going:
			yield(1, text(rpcReq.ID, "done"))
		}
	case "go":
		s.going <- struct{}{}
		yield(0, text(rpcReq.ID, "gone on"))
	case "meet":
		if p.meet(ctx, asked.Arguments.N) {
			yield(0, text(rpcReq.ID, asked.Arguments.Text))
		}
	case "announce":
		s.tell(asked.Arguments.Text)
		yield(0, text(rpcReq.ID, "said"))
	case "pid":
		yield(0, text(rpcReq.ID, strconv.Itoa(os.Getpid())))
	default:
		yield(0, failed(rpcReq.ID, -32602, fmt.Sprintf("Unknown tool: %s", asked.Name)))
	}
}

// tell says something to the client's GET, as far as there is room for it.
func (s *session) tell(words string) {
	select {
	case s.inbound <- notification("notifications/message", map[string]any{"level": "info", "data": words}):
	default:
	}
}

// meet waits until n are there; false when the call ends before.
func (p *MCPProxyPlugin) meet(ctx context.Context, n int) bool {
	here := make(chan struct{})
	p.mu.Lock()
	p.guests = append(p.guests, here)
	if len(p.guests) == n {
		for _, guest := range p.guests {
			close(guest)
		}
		p.guests = nil
	}
	p.mu.Unlock()
	select {
	case <-ctx.Done():
		return false
	case <-here:
		return true
	}
}
