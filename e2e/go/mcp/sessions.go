package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"sync"

	pb "sidegate.dev/sdk/proto"
)

// session is one client's, and of one app.
type session struct {
	id      string
	app     uint32
	inbound chan []byte // what the client's GET is told
	ended   chan struct{}
	end     func()
	going   chan struct{} // lets a call of the tool wait go on

	mu    sync.Mutex
	calls map[string]context.CancelFunc // by the id of the question
}

// sessionOf finds the session of a request, or begins one. Without one it is nil, and the status says why.
func (p *MCPProxyPlugin) sessionOf(req *pb.EndpointRequest, begins bool) (*session, int32) {
	if begins {
		ended := make(chan struct{})
		made := &session{
			id: rand.Text(), app: req.App.Id, inbound: make(chan []byte, 16),
			ended: ended, end: sync.OnceFunc(func() { close(ended) }),
			going: make(chan struct{}, 1), calls: map[string]context.CancelFunc{},
		}
		p.sessions.Store(made.id, made)
		return made, 200
	}
	id := req.Headers["Mcp-Session-Id"]
	if id == "" {
		return nil, 400
	}
	known, ok := p.sessions.Load(id)
	if !ok || known.(*session).app != req.App.Id {
		return nil, 404
	}
	return known.(*session), 200
}

// runs notes a call, which ends with its context or by a notification of the client.
func (s *session) runs(ctx context.Context, id json.RawMessage) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[string(id)] = cancel
	return ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.calls, string(id))
		cancel()
	}
}

// heard takes what asks nothing.
func (s *session) heard(notification message) {
	if notification.Method != "notifications/cancelled" {
		return
	}
	var params struct {
		RequestID json.RawMessage `json:"requestId"`
	}
	if json.Unmarshal(notification.Params, &params) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel := s.calls[string(params.RequestID)]; cancel != nil {
		cancel()
	}
}
