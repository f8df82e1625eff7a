package plugin_sdk

import (
	"google.golang.org/grpc"

	pb "sidegate.dev/sdk/proto"
)

// Plugin is what every plugin has. Embed [BasePlugin] and override what you need.
type Plugin interface {
	// Initialize takes the configuration, once and before any request. An error refuses it; the
	// operator reads its text. The context lives until [Plugin.Shutdown], so that work started here
	// may keep it.
	Initialize(ctx Context, config map[string]string) error
	// Shutdown ends the plugin's work. The host ends the process soon after.
	Shutdown(ctx Context) error
	// GetInfo tells what the plugin is.
	GetInfo() PluginInfo
}

// PluginInfo is what a plugin says of itself.
type PluginInfo struct {
	// Name of the plugin, as it appears in logs.
	Name string
	// Version of the plugin.
	Version string
	// Description of the plugin for people, in a sentence.
	Description string
}

// CustomEndpointHandler is a plugin that answers HTTP requests.
//
// A plugin that never streams, or always streams, may leave the other method away; a call of it is
// then an error.
type CustomEndpointHandler interface {
	Plugin
	// GetEndpointRegistrations lists what the plugin answers. It is asked after Initialize.
	GetEndpointRegistrations() ([]*pb.EndpointRegistration, error)
	// HandleEndpointRequest answers as a whole. An error is answered with 502; its text goes to the
	// host's log, not to the client.
	HandleEndpointRequest(ctx Context, req *pb.EndpointRequest) (*pb.EndpointResponse, error)
	// HandleEndpointRequestStream answers piece by piece: HEADERS, any number of BODY, then DONE.
	// It serves the endpoints registered with StreamResponse. An error after HEADERS cuts the
	// client's connection.
	HandleEndpointRequestStream(ctx Context, req *pb.EndpointRequest, stream grpc.ServerStreamingServer[pb.EndpointResponseChunk]) error
}

// UIProvider is a plugin with a user interface for administrators.
type UIProvider interface {
	Plugin
	// GetAsset returns the bytes and the content type of a file.
	GetAsset(assetPath string) (content []byte, mimeType string, err error)
	// ListAssets lists the files whose paths begin with the prefix.
	ListAssets(pathPrefix string) ([]*pb.AssetInfo, error)
	// GetManifest returns the manifest, a JSON document.
	GetManifest() ([]byte, error)
	// HandleRPC runs a method of the plugin's own choosing; payload and result are JSON.
	HandleRPC(method string, payload []byte) ([]byte, error)
}

// ManifestProvider is a plugin that describes itself in a manifest, but has no user interface.
type ManifestProvider interface {
	Plugin
	// GetManifest returns the manifest, a JSON document. It may be asked before Initialize.
	GetManifest() ([]byte, error)
}

// ConfigProvider is a plugin that tells which configuration it takes.
type ConfigProvider interface {
	Plugin
	// GetConfigSchema returns a JSON Schema. It may be asked before Initialize.
	GetConfigSchema() ([]byte, error)
}

// SessionAware is a plugin that wants to know when the host is there to be called.
type SessionAware interface {
	Plugin
	// OnSessionReady runs once in the life of the process, in the background, as soon as the host
	// opened its first session: the place to subscribe to events. Its context ends with the plugin.
	OnSessionReady(ctx Context)
	// OnSessionClosing runs before the session is closed: when the plugin ends, and already when another
	// process of it has taken its place (a reload), while requests may still be open. Subscriptions end
	// with it; calls to the host still work.
	OnSessionClosing(ctx Context)
}

// BasePlugin has an implementation of [Plugin] to embed. Its zero value is fine, but nameless.
type BasePlugin struct {
	info PluginInfo
}

// NewBasePlugin makes the part of a plugin that says what it is.
func NewBasePlugin(name, version, description string) BasePlugin {
	return BasePlugin{PluginInfo{Name: name, Version: version, Description: description}}
}

// Initialize accepts every configuration.
func (BasePlugin) Initialize(Context, map[string]string) error { return nil }

// Shutdown has nothing to do.
func (BasePlugin) Shutdown(Context) error { return nil }

// GetInfo tells what was given to [NewBasePlugin].
func (b BasePlugin) GetInfo() PluginInfo { return b.info }

// The parts of the capabilities, looked for one by one: a plugin need not have all of one.
type (
	registrar interface {
		GetEndpointRegistrations() ([]*pb.EndpointRegistration, error)
	}
	requestHandler interface {
		HandleEndpointRequest(ctx Context, req *pb.EndpointRequest) (*pb.EndpointResponse, error)
	}
	streamHandler interface {
		HandleEndpointRequestStream(ctx Context, req *pb.EndpointRequest, stream grpc.ServerStreamingServer[pb.EndpointResponseChunk]) error
	}
	manifestProvider interface{ GetManifest() ([]byte, error) }
	configProvider   interface{ GetConfigSchema() ([]byte, error) }
	sessionAware     interface {
		OnSessionReady(ctx Context)
		OnSessionClosing(ctx Context)
	}
	uiProvider interface {
		GetAsset(assetPath string) ([]byte, string, error)
		ListAssets(pathPrefix string) ([]*pb.AssetInfo, error)
		HandleRPC(method string, payload []byte) ([]byte, error)
	}
)
