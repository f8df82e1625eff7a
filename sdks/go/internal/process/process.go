// Package process is what the packages of this SDK share: the way from the one plugin of a process to its host.
package process

import (
	"context"
	"errors"
	"sync"

	"google.golang.org/grpc"
)

// Host is who runs the plugin.
type Host interface {
	// PluginID is the plugin's own number; 0 where the host did not tell it.
	PluginID() uint32
	// IsThere tells whether the host offers services.
	IsThere() bool
	// Ask runs one call on the connection to the host, and once more where that was lost and it may be repeated.
	Ask(ctx context.Context, isRepeatable bool, ask func(context.Context, grpc.ClientConnInterface) error) error
}

// ErrNone is returned where no plugin runs in this process.
var ErrNone = errors.New("no plugin is served: call plugin_sdk.Serve first")

var (
	mu      sync.Mutex
	current Host = none{}
)

// Set names the host of the plugin that is served now.
func Set(host Host) {
	mu.Lock()
	defer mu.Unlock()
	current = host
}

// Current is the host of the plugin that is served.
func Current() Host {
	mu.Lock()
	defer mu.Unlock()
	return current
}

type none struct{}

func (none) PluginID() uint32 { return 0 }
func (none) IsThere() bool    { return false }
func (none) Ask(context.Context, bool, func(context.Context, grpc.ClientConnInterface) error) error {
	return ErrNone
}
