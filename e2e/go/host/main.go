// Command host is a host on the library alone: it starts a plugin as any Go program would, speaks to
// it, ends it, and prints in one line of JSON what it saw.
//
//	host [-mtls] PROGRAM [STEP…]
//
// A step is "GET /path" for a whole answer, "STREAM /path" for a streamed one, "LEAVE /path" for one
// that is left after its first piece, "PUT /path body" for one with a body,
// "AWAIT /path text" for whole answers until one contains the text.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	pb "sidegate.dev/sdk/proto"
)

const (
	// brokerID is where the services of this host are.
	brokerID = 1
	// patience is how long all of it may take.
	patience = 30 * time.Second
)

// seen is what is printed.
type seen struct {
	Protocol      string   `json:"protocol"`
	Version       int      `json:"version"`
	Health        string   `json:"health"`
	Healthy       bool     `json:"healthy"`
	Initialized   bool     `json:"initialized"`
	Registrations []string `json:"registrations"`
	Manifest      string   `json:"manifest"`
	Session       string   `json:"session"`
	Steps         []step   `json:"steps"`
	// Written is what the plugin asked the host to keep.
	Written map[string]string `json:"written"`
	// Callers are the plugins that it said it was.
	Callers []uint32 `json:"callers"`
	Exited  bool     `json:"exited"`
	KillMs  int64    `json:"kill_ms"`
}

func main() {
	mtls := flag.Bool("mtls", false, "speak TLS with certificates made for this process")
	flag.Parse()
	result, err := run(flag.Arg(0), flag.Args()[1:], *mtls)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(program string, steps []string, mtls bool) (*seen, error) {
	client := goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig: goplugin.HandshakeConfig{
			ProtocolVersion: 1, MagicCookieKey: "AI_STUDIO_PLUGIN", MagicCookieValue: "v1",
		},
		Plugins:          goplugin.PluginSet{"plugin": side{}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		AutoMTLS:         mtls,
		Cmd:              exec.Command(program),
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: os.Stderr}),
		SyncStderr:       os.Stderr,
	})
	defer client.Kill()
	protocol, err := client.Client()
	if err != nil {
		return nil, fmt.Errorf("the plugin does not start: %w", err)
	}
	dispensed, err := protocol.Dispense("plugin")
	if err != nil {
		return nil, err
	}
	result := &seen{Protocol: string(client.Protocol()), Version: client.NegotiatedVersion()}
	if err := protocol.Ping(); err != nil {
		return nil, fmt.Errorf("the library's ping: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := dispensed.(side).tour(ctx, result, steps); err != nil {
		return nil, err
	}
	begun := time.Now()
	client.Kill()
	result.Exited, result.KillMs = client.Exited(), time.Since(begun).Milliseconds()
	return result, nil
}

// side is the host's side of the plugin.
type side struct {
	goplugin.NetRPCUnsupportedPlugin

	broker *goplugin.GRPCBroker
	conn   *grpc.ClientConn
}

func (side) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error {
	return errors.New("this is the host's side")
}

func (side) GRPCClient(_ context.Context, broker *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return side{broker: broker, conn: conn}, nil
}

// tour does with the plugin what hosts do, in their order.
func (s side) tour(ctx context.Context, result *seen, steps []string) error {
	services := serve(s.broker)
	plugin := pb.NewPluginServiceClient(s.conn)
	health, err := grpc_health_v1.NewHealthClient(s.conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "plugin"})
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	config := map[string]string{"_plugin_id": "42", "_service_broker_id": fmt.Sprint(brokerID)}
	// It knows none of our extensions, as hosts of others.
	initialized, err := plugin.Initialize(ctx, &pb.InitRequest{Config: config, Features: []string{"of_the_future"}})
	if err != nil {
		return fmt.Errorf("initialize: %w", err)
	}
	session := make(chan string, 1)
	go openSession(ctx, plugin, session)
	registrations, err := plugin.GetEndpointRegistrations(ctx, &pb.GetEndpointRegistrationsRequest{})
	if err != nil {
		return fmt.Errorf("registrations: %w", err)
	}
	for _, registration := range registrations.GetRegistrations() {
		result.Registrations = append(result.Registrations, registration.GetPath())
	}
	manifest, err := plugin.GetManifest(ctx, &pb.GetManifestRequest{})
	if err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	for _, text := range steps {
		result.Steps = append(result.Steps, take(ctx, plugin, text))
	}
	pong, err := plugin.Ping(ctx, &pb.PingRequest{Timestamp: 7})
	if err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	if _, err := plugin.CloseSession(ctx, &pb.CloseSessionRequest{Reason: "unload"}); err != nil {
		return fmt.Errorf("close session: %w", err)
	}
	result.Session = <-session
	if _, err := plugin.Shutdown(ctx, &pb.ShutdownRequest{TimeoutSeconds: 5}); err != nil {
		return fmt.Errorf("shutdown: %w", err)
	}
	result.Health = health.GetStatus().String()
	result.Initialized = initialized.GetSuccess()
	result.Manifest = manifest.GetManifestJson()
	result.Healthy = pong.GetHealthy() && pong.GetTimestamp() == 7
	result.Written, result.Callers = services.seen()
	return nil
}

// openSession tells why the session ended.
func openSession(ctx context.Context, plugin pb.PluginServiceClient, ended chan<- string) {
	request := &pb.OpenSessionRequest{PluginId: 42, ServiceBrokerId: brokerID, TimeoutMs: 30_000}
	answer, err := plugin.OpenSession(ctx, request)
	if err != nil {
		ended <- err.Error()
		return
	}
	ended <- answer.GetCloseReason().String()
}
