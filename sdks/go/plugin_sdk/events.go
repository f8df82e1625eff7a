package plugin_sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pe "sidegate.dev/sdk/proto/plugin_events"
)

const (
	// subscribeWait is how long Subscribe waits for the host to confirm. Some hosts say nothing until
	// the first event.
	subscribeWait = 500 * time.Millisecond
	// resubscribeFirst and resubscribeLast bound the pauses between attempts to renew a subscription.
	resubscribeFirst = time.Second
	resubscribeLast  = 30 * time.Second
	// endGrace is how long a subscription goes on after the end of the session.
	endGrace = 3 * time.Second
)

// errSessionEnded refuses subscriptions of a process that is being replaced or stopped.
var errSessionEnded = errors.New("failed to subscribe: the session is closed, because the plugin ends or another process of it serves")

// events sends and delivers events. Subscriptions live as long as the session.
type events struct {
	host *host
	log  Logger
	life context.Context

	mu            sync.Mutex
	subscriptions map[string]context.CancelFunc
	lastID        int
	// ended is set when the session was closed.
	ended bool
}

func newEvents(life context.Context, host *host, log Logger) *events {
	return &events{host: host, log: log, life: life, subscriptions: map[string]context.CancelFunc{}}
}

func (e *events) Publish(ctx context.Context, topic string, payload any, dir Direction) error {
	raw, err := json.Marshal(payload)
	if err != nil {
		return fmt.Errorf("failed to publish event: %w", err)
	}
	return e.PublishRaw(ctx, topic, raw, dir)
}

func (e *events) PublishRaw(ctx context.Context, topic string, payload []byte, dir Direction) error {
	if !json.Valid(payload) {
		return errors.New("failed to publish event: the payload is not valid JSON")
	}
	request := &pe.PublishRequest{Topic: topic, Payload: payload, Direction: int32(dir), PluginId: e.plugin()}
	answer, err := call(ctx, e.host, once, func(ctx context.Context, conn grpc.ClientConnInterface) (*pe.PublishResponse, error) {
		return pe.NewPluginEventServiceClient(conn).Publish(ctx, request)
	})
	if err != nil {
		return described("failed to publish event", err)
	}
	if !answer.GetSuccess() {
		return errors.New("failed to publish event: " + answer.GetErrorMessage())
	}
	return nil
}

func (e *events) Subscribe(topic string, handler func(Event)) (string, error) {
	if topic == "" {
		return "", errors.New("failed to subscribe: no topic given")
	}
	return e.subscribe(&pe.SubscribeRequest{Topic: topic}, handler)
}

func (e *events) SubscribeAll(handler func(Event)) (string, error) {
	return e.subscribe(&pe.SubscribeRequest{SubscribeAll: true}, handler)
}

func (e *events) Unsubscribe(subscriptionID string) error {
	e.mu.Lock()
	cancel, isKnown := e.subscriptions[subscriptionID]
	delete(e.subscriptions, subscriptionID)
	e.mu.Unlock()
	if !isKnown {
		return fmt.Errorf("there is no subscription %q", subscriptionID)
	}
	cancel()
	return nil
}

// end ends all subscriptions for good. What the host has delivered before is still handled: it ends them
// as well, and those of a host that does not end a moment later.
func (e *events) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended {
		return
	}
	e.ended = true
	time.AfterFunc(endGrace, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		for id, cancel := range e.subscriptions {
			cancel()
			delete(e.subscriptions, id)
		}
	})
}

func (e *events) hasEnded() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ended
}

func (e *events) plugin() string {
	return strconv.FormatUint(uint64(e.host.plugin()), 10)
}

// stream is an open subscription.
type stream = grpc.ServerStreamingClient[pe.EventMessage]

func (e *events) subscribe(request *pe.SubscribeRequest, handler func(Event)) (string, error) {
	request.PluginId = e.plugin()
	ctx, cancel := context.WithCancel(e.life)
	open, err := e.open(ctx, request)
	if err != nil {
		cancel()
		return "", described("failed to subscribe", err)
	}
	e.mu.Lock()
	if e.ended {
		e.mu.Unlock()
		cancel()
		return "", errSessionEnded
	}
	e.lastID++
	id := "subscription-" + strconv.Itoa(e.lastID)
	e.subscriptions[id] = cancel
	e.mu.Unlock()
	go e.keep(ctx, open, request, handler)
	return id, nil
}

// open subscribes.
func (e *events) open(ctx context.Context, request *pe.SubscribeRequest) (stream, error) {
	connectCtx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	conn, err := e.host.connection(connectCtx)
	if err != nil {
		return nil, err
	}
	open, err := pe.NewPluginEventServiceClient(conn).Subscribe(ctx, request)
	if err == nil {
		err = confirm(open)
	}
	if err != nil {
		e.host.judge(conn, err)
		return nil, err
	}
	return open, nil
}

// confirm returns the host's refusal, if it comes within a moment.
func confirm(open stream) error {
	headers := make(chan metadata.MD, 1)
	go func() {
		header, _ := open.Header()
		headers <- header
	}()
	select {
	case header := <-headers:
		if header != nil {
			return nil
		}
		// It ended without a header; the reason comes in place of the first message.
		_, err := open.Recv()
		return err
	case <-time.After(subscribeWait):
		return nil
	}
}

// keep delivers events and renews the subscription until its context ends or the host refuses it.
func (e *events) keep(ctx context.Context, open stream, request *pe.SubscribeRequest, handler func(Event)) {
	var err error
	for pause := resubscribeFirst; ; pause = min(2*pause, resubscribeLast) {
		if open != nil {
			var delivered bool
			if delivered, err = e.deliver(open, handler); delivered {
				pause = resubscribeFirst
			}
		}
		if e.hasEnded() || status.Code(err) == codes.FailedPrecondition {
			// The host gives the events to another process.
			return
		}
		if ctx.Err() == nil && isRefusal(err) {
			e.log.Error("the host refuses a subscription", "topic", request.GetTopic(), "error", err)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		open, err = e.open(ctx, request)
	}
}

// deliver hands events on until the stream ends, and tells whether there were any.
func (e *events) deliver(open stream, handler func(Event)) (delivered bool, err error) {
	for {
		message, err := open.Recv()
		if err != nil {
			return delivered, err
		}
		delivered = true
		e.handle(handler, Event{
			ID:      message.GetId(),
			Topic:   message.GetTopic(),
			Origin:  message.GetOrigin(),
			Dir:     Direction(message.GetDirection()),
			Payload: message.GetPayload(),
		})
	}
}

// handle keeps a panic of the handler from ending the plugin.
func (e *events) handle(handler func(Event), event Event) {
	defer func() {
		if reason := recover(); reason != nil {
			e.log.Error(fmt.Sprintf("panic in an event handler: %v", reason), "topic", event.Topic, "stack", string(debug.Stack()))
		}
	}()
	handler(event)
}

// isRefusal tells errors that do not pass by themselves.
func isRefusal(err error) bool {
	switch status.Code(err) {
	case codes.PermissionDenied, codes.Unauthenticated, codes.InvalidArgument, codes.Unimplemented:
		return true
	}
	return errors.Is(err, ErrNoHostServices)
}
