package plugin_sdk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	gw "sidegate.dev/sdk/proto/microgateway_management"
)

const (
	// callTimeout ends a call to the host whose context has no earlier end.
	callTimeout = 30 * time.Second
	// callTries is how often a call that may be repeated is made.
	callTries = 3
	// warmUpTimeout is how long the first address of the host's services is waited for ahead of any
	// call.
	warmUpTimeout = 15 * time.Second
	// dialPause keeps dials that fail at once apart.
	dialPause = 100 * time.Millisecond
)

// dialer is the part of the broker that leads to the host. Libraries of old have no other method for it.
type dialer interface {
	Dial(id uint32) (*grpc.ClientConn, error)
}

// host is the one connection to the services of the host.
//
// The broker forgets the address of the host's services 5 seconds after the host told it, and after
// every use. So it is asked for the address as soon as the plugin is initialized, only one question is
// under way at a time, a question that was in vain is asked again, and a connection once made is kept:
// it renews itself.
type host struct {
	// isStudio is a host in the runtime studio, whose services have other names. It is set once.
	isStudio bool

	mu       sync.Mutex
	broker   dialer
	pluginID uint32
	brokerID uint32
	// features are the extensions that host and plugin agreed upon.
	features []string
	conn     *grpc.ClientConn
	dial     *dial
}

// dial is a question for the address of the host that is under way.
type dial struct {
	done chan struct{}
	// err is set before done is closed.
	err error
}

// attach gives the broker, before the first call.
func (h *host) attach(broker dialer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.broker = broker
}

// identify takes the plugin's number and the broker's. Zero says nothing. Another broker number makes
// the connection useless.
func (h *host) identify(pluginID, brokerID uint32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if pluginID != 0 {
		h.pluginID = pluginID
	}
	if brokerID != 0 && brokerID != h.brokerID {
		h.brokerID = brokerID
		h.drop()
	}
}

// announce takes what the host offers.
func (h *host) announce(features []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.features = features
}

// offers tells whether the host announced a feature.
func (h *host) offers(feature string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Contains(h.features, feature)
}

// plugin is the plugin's own number; 0 when the host did not tell it.
func (h *host) plugin() uint32 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.pluginID
}

// warmUp connects in the background, so that the address is not lost before the first call.
func (h *host) warmUp(ctx context.Context) {
	go func() {
		ctx, cancel := context.WithTimeout(ctx, warmUpTimeout)
		defer cancel()
		// Calls dial for themselves: nothing is lost when this one does not succeed.
		_, _ = h.connection(ctx)
	}()
}

// judge gives a connection up after an error that says it is beyond renewal, because the services are
// no longer where they were, and tells whether it did.
func (h *host) judge(conn *grpc.ClientConn, err error) bool {
	if status.Code(err) != codes.Unavailable || conn.GetState() != connectivity.TransientFailure {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	// There may be a newer one already.
	if h.conn == conn {
		h.drop()
	}
	return true
}

// drop needs the lock.
func (h *host) drop() {
	if h.conn != nil {
		_ = h.conn.Close()
		h.conn = nil
	}
}

// connection returns the connection, and makes it first where there is none.
func (h *host) connection(ctx context.Context) (*grpc.ClientConn, error) {
	var last error
	for {
		conn, dial, err := h.connectionOrDial()
		if conn != nil || err != nil {
			return conn, err
		}
		select {
		case <-dial.done:
			last = dial.err
		case <-ctx.Done():
			return nil, fmt.Errorf("cannot reach the host's services: %w", errors.Join(ctx.Err(), last))
		}
	}
}

func (h *host) connectionOrDial() (*grpc.ClientConn, *dial, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.broker == nil || h.brokerID == 0 {
		return nil, nil, ErrNoHostServices
	}
	if h.conn == nil && h.dial == nil {
		h.dial = &dial{done: make(chan struct{})}
		go h.run(h.dial, h.broker, h.brokerID)
	}
	return h.conn, h.dial, nil
}

// run asks the broker once; it waits up to 5 seconds.
func (h *host) run(dial *dial, broker dialer, id uint32) {
	conn, err := broker.Dial(id)
	if err != nil {
		time.Sleep(dialPause)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err != nil:
		dial.err = err
	case id != h.brokerID:
		_ = conn.Close()
	default:
		h.conn = conn
	}
	h.dial = nil
	close(dial.done)
}

// safety says whether a call may be made a second time when it is not known what became of the first.
type safety bool

const (
	repeatable safety = true
	once       safety = false
)

// call asks the host. A connection that cannot be renewed, because the host's services moved, is made
// anew. That may show only at the second try: at the first one the connection was just ending.
func call[A any](ctx context.Context, h *host, safe safety, ask func(context.Context, grpc.ClientConnInterface) (A, error)) (A, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for tries := 1; ; tries++ {
		conn, err := h.connection(ctx)
		if err != nil {
			var none A
			return none, err
		}
		answer, err := ask(ctx, conn)
		isGivenUp := h.judge(conn, err)
		mayAsk := tries == 1 || (isGivenUp && tries < callTries)
		if status.Code(err) != codes.Unavailable || !mayAsk || !bool(safe) {
			return answer, err
		}
	}
}

// ask calls one method of the management service.
func ask[Q, A any](ctx context.Context, h *host, safe safety, what string, request *Q,
	method func(gw.MicrogatewayManagementServiceClient, context.Context, *Q, ...grpc.CallOption) (*A, error),
) (*A, error) {
	answer, err := call(ctx, h, safe, func(ctx context.Context, conn grpc.ClientConnInterface) (*A, error) {
		return method(gw.NewMicrogatewayManagementServiceClient(conn), ctx, request)
	})
	if err != nil {
		return nil, described(what, err)
	}
	return answer, nil
}

// described says what failed, and lets absence be recognised.
func described(what string, err error) error {
	if status.Code(err) == codes.NotFound {
		return fmt.Errorf("%s: %w: %w", what, ErrNotFound, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// caller is what a call says of the plugin. The host goes by the connection.
func (h *host) caller(scope string) *gw.PluginContext {
	return &gw.PluginContext{PluginId: h.plugin(), MethodScope: scope}
}
