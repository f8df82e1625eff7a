package plugin_sdk

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "sidegate.dev/sdk/proto"
	cp "sidegate.dev/sdk/proto/config_provider"
)

// handshake is what host and plugin recognise each other by.
var handshake = goplugin.HandshakeConfig{
	ProtocolVersion:  1,
	MagicCookieKey:   "AI_STUDIO_PLUGIN",
	MagicCookieValue: "v1",
}

// Serve runs a plugin until its host ends it; call it in main. Print nothing to stdout before: the
// first line belongs to the host.
//
// Handlers run at the same time, each in a goroutine of its own. One that panics fails its request; the
// plugin lives on. Started by hand, the program says that it is a plugin and ends.
func Serve(plugin Plugin) {
	if os.Getenv(handshake.MagicCookieKey) == handshake.MagicCookieValue {
		holdSignals()
	}
	name := plugin.GetInfo().Name
	server := newServer(plugin, logger{newLogger(name)})
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: handshake,
		Plugins:         goplugin.PluginSet{"plugin": &wiring{server: server}},
		GRPCServer:      server.grpc,
		Logger:          libraryLogger(name),
	})
}

// holdSignals leaves the signals that ask a service to stop to the host, which they reach as well: from a
// terminal, or from a service manager that ends a whole control group. The host is still answering with
// this plugin then, and ends it in order. SIGHUP asks a service to read its settings again, which is the
// host's business too. They are caught, not ignored, because programs that the plugin
// starts would inherit that.
func holdSignals() {
	signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
}

// grpc makes the server below go-plugin. Requests may be of any size: how large they are is for the
// gateway to say.
func (s *server) grpc(options []grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append(options,
		grpc.MaxRecvMsgSize(math.MaxInt32),
		grpc.MaxSendMsgSize(math.MaxInt32),
		grpc.ChainUnaryInterceptor(s.surviveUnary),
		grpc.ChainStreamInterceptor(s.surviveStream),
	)...)
}

// wiring is where go-plugin asks for the services.
type wiring struct {
	goplugin.NetRPCUnsupportedPlugin

	server *server
}

// GRPCServer registers the services.
func (w *wiring) GRPCServer(broker *goplugin.GRPCBroker, registry *grpc.Server) error {
	w.server.host.attach(broker)
	pb.RegisterPluginServiceServer(registry, w.server)
	cp.RegisterConfigProviderServiceServer(registry, configServer{server: w.server})
	return nil
}

// GRPCClient is for hosts.
func (*wiring) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("this is the plugin's side")
}

func (s *server) surviveUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			resp, err = nil, s.panicked(info.FullMethod, reason)
		}
	}()
	return handler(ctx, req)
}

func (s *server) surviveStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = s.panicked(info.FullMethod, reason)
		}
	}()
	return handler(srv, stream)
}

// survive is deferred where a plugin's own code runs in a goroutine of the SDK.
func (s *server) survive(where string) {
	if reason := recover(); reason != nil {
		_ = s.panicked(where, reason)
	}
}

// panicked logs a panic and makes the error of it that the host gets.
func (s *server) panicked(where string, reason any) error {
	text := fmt.Sprintf("panic in %s: %v", where, reason)
	s.log.Error(text, "stack", string(debug.Stack()))
	return status.Error(codes.Internal, text)
}
