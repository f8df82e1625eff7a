package plugin_sdk

import (
	"context"
	"fmt"
	"sync"
	"time"

	pb "sidegate.dev/sdk/proto"
)

// defaultSession is how long a session waits for a host that names no time.
const defaultSession = 30 * time.Second

// sessions are the long calls by which a host tells that it is there: each waits until its time is up
// or somebody closes it.
type sessions struct {
	first sync.Once

	mu   sync.Mutex
	open *gate
}

// gate holds up all sessions that wait; another takes its place when it opens.
type gate struct {
	opened chan struct{}
	// reason is set before opened is closed.
	reason pb.OpenSessionResponse_CloseReason
}

func newSessions() *sessions {
	return &sessions{open: &gate{opened: make(chan struct{})}}
}

// wait is one session.
func (s *sessions) wait(ctx context.Context, req *pb.OpenSessionRequest) (*pb.OpenSessionResponse, error) {
	s.mu.Lock()
	gate := s.open
	s.mu.Unlock()
	timeout := time.Duration(req.GetTimeoutMs()) * time.Millisecond
	if timeout <= 0 {
		timeout = defaultSession
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	reason := pb.OpenSessionResponse_TIMEOUT
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-gate.opened:
		reason = gate.reason
	case <-timer.C:
	}
	return &pb.OpenSessionResponse{
		Success:     true,
		SessionId:   fmt.Sprintf("session-%d-%d", req.GetPluginId(), req.GetServiceBrokerId()),
		CloseReason: reason,
	}, nil
}

// close ends every session that waits; where there is none, nothing happens.
func (s *sessions) close(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open.reason = closeReason(reason)
	close(s.open.opened)
	s.open = &gate{opened: make(chan struct{})}
}

func closeReason(reason string) pb.OpenSessionResponse_CloseReason {
	switch reason {
	case "", "unload", "shutdown", "explicit_close":
		return pb.OpenSessionResponse_EXPLICIT_CLOSE
	}
	return pb.OpenSessionResponse_PLUGIN_ERROR
}
