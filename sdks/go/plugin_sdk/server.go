package plugin_sdk

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"sidegate.dev/sdk/internal/process"
	pb "sidegate.dev/sdk/proto"
)

// Keys of the configuration that the host adds, in the spellings of both kinds of host.
var (
	keysPluginID = []string{"_plugin_id", "plugin_id"}
	keysBrokerID = []string{"_service_broker_id", "service_broker_id"}
)

// server answers the host in the plugin's name.
type server struct {
	pb.UnsafePluginServiceServer

	plugin   Plugin
	runtime  Runtime
	log      logger
	host     *host
	events   *events
	sessions *sessions
	// life ends with Shutdown.
	life    context.Context
	endLife context.CancelFunc

	mu       sync.Mutex
	features []string
}

func newServer(plugin Plugin, log logger) *server {
	life, endLife := context.WithCancel(context.Background())
	runtime := detectRuntime()
	host := &host{isStudio: runtime == RuntimeStudio}
	process.Set(shared{host})
	return &server{
		plugin:   plugin,
		runtime:  runtime,
		log:      log,
		host:     host,
		events:   newEvents(life, host, log),
		sessions: newSessions(),
		life:     life,
		endLife:  endLife,
	}
}

// context makes what a method of the plugin is given.
func (s *server) context(ctx context.Context, facts *pb.PluginContext) Context {
	log := s.log
	if id := facts.GetRequestId(); id != "" {
		log = log.with("request_id", id)
	}
	s.mu.Lock()
	features := s.features
	s.mu.Unlock()
	c := Context{
		Context:  ctx,
		Runtime:  s.runtime,
		Features: features,
		Services: &services{log: log, host: s.host, events: s.events},
	}
	return c.withFacts(facts)
}

func (s *server) Initialize(_ context.Context, req *pb.InitRequest) (*pb.InitResponse, error) {
	config := req.GetConfig()
	if config == nil {
		config = map[string]string{}
	}
	s.host.identify(number(config, keysPluginID), number(config, keysBrokerID))
	s.host.warmUp(s.life)
	features := agreedFeatures(req.GetFeatures())
	s.host.announce(features)
	s.mu.Lock()
	s.features = features
	s.mu.Unlock()
	if err := s.plugin.Initialize(s.context(s.life, nil), config); err != nil {
		return &pb.InitResponse{ErrorMessage: SanitizeUTF8String(err.Error())}, nil
	}
	return &pb.InitResponse{Success: true, Features: features}, nil
}

// number reads the first of the keys that is there; 0 when none has a number.
func number(config map[string]string, keys []string) uint32 {
	for _, key := range keys {
		text, isThere := config[key]
		if !isThere {
			continue
		}
		end := slices.IndexFunc([]byte(text), func(c byte) bool { return c < '0' || c > '9' })
		if end >= 0 {
			text = text[:end]
		}
		value, err := strconv.ParseUint(text, 10, 32)
		if err != nil || value > math.MaxUint32 {
			return 0
		}
		return uint32(value)
	}
	return 0
}

func (s *server) Ping(_ context.Context, req *pb.PingRequest) (*pb.PingResponse, error) {
	return &pb.PingResponse{Timestamp: req.GetTimestamp(), Healthy: true}, nil
}

func (s *server) Shutdown(ctx context.Context, _ *pb.ShutdownRequest) (*pb.ShutdownResponse, error) {
	defer s.endLife()
	defer s.sessions.close("shutdown")
	if err := s.plugin.Shutdown(s.context(ctx, nil)); err != nil {
		return nil, err
	}
	return &pb.ShutdownResponse{Success: true}, nil
}

func (s *server) OpenSession(ctx context.Context, req *pb.OpenSessionRequest) (*pb.OpenSessionResponse, error) {
	s.host.identify(req.GetPluginId(), req.GetServiceBrokerId())
	s.sessions.first.Do(func() {
		if aware, is := s.plugin.(sessionAware); is {
			go s.tellReady(aware)
		}
	})
	return s.sessions.wait(ctx, req)
}

// tellReady tells the plugin that the host is there, at once: what is published before it has subscribed
// is lost to it. Where the host has yet to tell where its services are, calls wait for that.
func (s *server) tellReady(aware sessionAware) {
	defer s.survive("OnSessionReady")
	if s.life.Err() == nil {
		aware.OnSessionReady(s.context(s.life, nil))
	}
}

func (s *server) CloseSession(ctx context.Context, req *pb.CloseSessionRequest) (*pb.CloseSessionResponse, error) {
	// Whatever the plugin does, those who wait are woken. Requests may still be open, but another process
	// of the plugin may get the events by now.
	defer s.sessions.close(req.GetReason())
	defer s.events.end()
	if aware, is := s.plugin.(sessionAware); is {
		aware.OnSessionClosing(s.context(ctx, nil))
	}
	return &pb.CloseSessionResponse{Success: true}, nil
}

func (s *server) GetEndpointRegistrations(context.Context, *pb.GetEndpointRegistrationsRequest) (*pb.GetEndpointRegistrationsResponse, error) {
	registrar, is := s.plugin.(registrar)
	if !is {
		return &pb.GetEndpointRegistrationsResponse{}, nil
	}
	registrations, err := registrar.GetEndpointRegistrations()
	if err != nil {
		return nil, err
	}
	registrations = slices.Clone(registrations)
	for i, registration := range registrations {
		if !isText(registration.GetDescription()) || !areTexts(registration.GetMetadata()) {
			registrations[i] = describable(registration)
		}
	}
	return &pb.GetEndpointRegistrationsResponse{Registrations: registrations}, nil
}

func (s *server) HandleEndpointRequest(ctx context.Context, req *pb.EndpointRequest) (*pb.EndpointResponse, error) {
	handler, is := s.plugin.(requestHandler)
	if !is {
		return &pb.EndpointResponse{StatusCode: 501, ErrorMessage: "plugin does not handle endpoint requests"}, nil
	}
	fillHeaders(req)
	c := s.endpointContext(ctx, req)
	resp, err := handler.HandleEndpointRequest(c, req)
	if err == nil && resp == nil {
		err = errors.New("HandleEndpointRequest returned neither a response nor an error")
	}
	c.tellFailure(err)
	return sendable(resp, c.hasHeaderList()), err
}

func (s *server) HandleEndpointRequestStream(req *pb.EndpointRequest, stream grpc.ServerStreamingServer[pb.EndpointResponseChunk]) error {
	handler, is := s.plugin.(streamHandler)
	if !is {
		return errors.New("plugin does not stream endpoint responses")
	}
	fillHeaders(req)
	c := s.endpointContext(stream.Context(), req)
	err := handler.HandleEndpointRequestStream(c, req, cleanStream{stream, c.hasHeaderList()})
	c.tellFailure(err)
	return err
}

// endpointContext is the context of an HTTP request. Hosts name its app beside the facts.
func (s *server) endpointContext(ctx context.Context, req *pb.EndpointRequest) Context {
	c := s.context(ctx, req.GetContext())
	if c.AppID == 0 {
		c.AppID = req.GetApp().GetId()
	}
	return c
}

// hasHeaderList tells whether the host reads headers as a list.
func (c Context) hasHeaderList() bool { return slices.Contains(c.Features, FeatureHeaderList) }

// tellFailure logs why a handler failed: to the client the host says only that it did. A handler that
// stops because the client has gone did what it should.
func (c Context) tellFailure(err error) {
	switch {
	case err == nil:
	case errors.Is(c.Err(), context.Canceled) && isHangUp(err):
		c.Services.Logger().Debug("the handler stopped: the client has gone", "error", err)
	default:
		// In the message, for not everybody who shows lines shows their fields.
		c.Services.Logger().Error("the handler failed: " + err.Error())
	}
}

// isHangUp tells errors that a wait or a Send returns once the client has gone.
func isHangUp(err error) bool {
	if errors.Is(err, context.Canceled) {
		return true
	}
	code := status.Code(err)
	return code == codes.Canceled || code == codes.Unavailable
}
