package plugin_sdk

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	st "sidegate.dev/sdk/proto/ai_studio_management"
	gw "sidegate.dev/sdk/proto/microgateway_management"
)

var (
	// ErrNotFound is in the chain of an error about a key, app or model that does not exist.
	ErrNotFound = errors.New("not found")
	// ErrNoHostServices is returned where the host offers nothing to its plugins.
	ErrNoHostServices = errors.New("the host offers no services to this plugin")
)

// ServiceBroker leads to what a plugin can use. It may be kept and used at any time and from any
// goroutine, also outside of a request.
//
// Calls to the host wait for its answer until their context is done, at most 30 seconds. A call whose
// scope the operator did not grant fails with the code PermissionDenied, and names the scope.
type ServiceBroker interface {
	// Logger writes to the host's log.
	Logger() Logger
	// KV is storage that survives the process. Scope kv.readwrite.
	KV() KVService
	// Events carries messages between plugins and nodes.
	Events() EventService
	// Gateway tells about apps, budgets and models, in the runtime gateway.
	Gateway() GatewayServices
	// Studio changes what is administered, in the runtime studio; nil in the other.
	Studio() StudioServices
}

// Logger writes structured lines: a message, then keys and values in turn. Log no bodies, tokens or
// secrets.
type Logger interface {
	// Debug is for developers. It is off unless PLUGIN_LOG_LEVEL says "debug".
	Debug(msg string, keysAndValues ...any)
	// Info is for what should be known.
	Info(msg string, keysAndValues ...any)
	// Warn is for what may need care.
	Warn(msg string, keysAndValues ...any)
	// Error is for what went wrong.
	Error(msg string, keysAndValues ...any)
}

// KVService stores bytes under keys. Every plugin sees its own only.
//
// A key has 1 to [MaxKeyBytes], a value at most [MaxValueBytes]; what breaks this fails with the code
// InvalidArgument and is not sent. Under Sidegate a plugin holds at most 10,000 keys and 64 MiB; what
// is beyond fails with the code ResourceExhausted. The last write wins, also between the old and the new
// process during a reload; [Entries] is the same storage with conditions.
type KVService interface {
	// Read returns the value; [ErrNotFound] is in the error's chain when there is none.
	Read(ctx context.Context, key string) ([]byte, error)
	// Write stores a value and tells whether the key is new. It may be given a time at which the
	// value disappears; nil or none keeps it for ever.
	Write(ctx context.Context, key string, value []byte, expireAt ...*time.Time) (created bool, err error)
	// WriteWithTTL stores a value for some time.
	WriteWithTTL(ctx context.Context, key string, value []byte, ttl time.Duration) (created bool, err error)
	// Delete removes a value and tells whether there was one.
	Delete(ctx context.Context, key string) (deleted bool, err error)
	// List returns the keys that begin with the prefix, in order. Hosts without [FeatureStorage] do not offer it; then it
	// fails with [errors.ErrUnsupported] in the chain.
	List(ctx context.Context, prefix string) ([]string, error)
}

// Direction says how far an event travels.
type Direction int32

const (
	// DirLocal stays on this node.
	DirLocal Direction = iota
	// DirUp goes from an edge to the hub.
	DirUp
	// DirDown goes from the hub to the edges.
	DirDown
)

// Event is what subscribers get.
type Event struct {
	// ID is made by the host.
	ID string
	// Topic is what subscribers ask for.
	Topic string
	// Origin is the node or the plugin that sent it.
	Origin string
	// Dir is how far it travels.
	Dir Direction
	// Payload is JSON.
	Payload json.RawMessage
}

// EventService sends events and delivers them.
type EventService interface {
	// Publish sends a value as JSON.
	Publish(ctx context.Context, topic string, payload any, dir Direction) error
	// PublishRaw sends JSON as it is; what is not JSON is refused.
	PublishRaw(ctx context.Context, topic string, payload []byte, dir Direction) error
	// Subscribe delivers every event of a topic, one after the other, until [EventService.Unsubscribe]
	// or the end of the session. Topics are compared as a whole. It lasts when the connection to the
	// host breaks; what is sent meanwhile is lost.
	Subscribe(topic string, handler func(Event)) (subscriptionID string, err error)
	// SubscribeAll delivers the events of all topics.
	SubscribeAll(handler func(Event)) (subscriptionID string, err error)
	// Unsubscribe ends a subscription.
	Unsubscribe(subscriptionID string) error
}

// GatewayServices tells about the gateway. What it returns are the messages of package
// microgateway_management, behind interfaces: use the getters, or assert the type named at each.
type GatewayServices interface {
	// GetApp returns a *GetAppResponse. Scope apps.read.
	GetApp(ctx context.Context, appID uint32) (AppResponse, error)
	// ListApps returns a *ListAppsResponse with all active apps. Scope apps.read.
	ListApps(ctx context.Context) (AppsResponse, error)
	// GetLLM returns a *GetLLMResponse. Scope llms.read.
	GetLLM(ctx context.Context, llmID uint32) (LLMResponse, error)
	// ListLLMs returns a *ListLLMsResponse with all active models. Scope llms.read.
	ListLLMs(ctx context.Context) (LLMsResponse, error)
	// GetBudgetStatus returns a *GetBudgetStatusResponse. Scope budget.read.
	GetBudgetStatus(ctx context.Context, appID uint32) (BudgetStatusResponse, error)
	// ListModelPrices returns a *ListModelPricesResponse; an empty vendor means all. Scope pricing.read.
	ListModelPrices(ctx context.Context, vendor string) (ModelPricesResponse, error)
	// GetModelPrice returns a *GetModelPriceResponse. Scope pricing.read.
	GetModelPrice(ctx context.Context, vendor, model string) (ModelPriceResponse, error)
	// ValidateCredential returns a *ValidateCredentialResponse; a bad secret is no error. Scope
	// credentials.validate.
	ValidateCredential(ctx context.Context, secret string) (CredentialResponse, error)
	// GetLicenseInfo tells which edition runs.
	GetLicenseInfo(ctx context.Context) (*gw.GetLicenseInfoResponse, error)
	// SendToControl queues bytes for the same plugin on the control side and returns how many
	// payloads wait. Scope control.send.
	SendToControl(ctx context.Context, payload []byte, correlationID string, metadata map[string]string) (pendingCount int64, err error)
	// SendToControlJSON queues a value as JSON.
	SendToControlJSON(ctx context.Context, value any, correlationID string, metadata map[string]string) (pendingCount int64, err error)
}

// StudioServices is what a plugin may ask of the host that runs it for its page.
type StudioServices interface {
	// UpdatePluginConfig merges the keys of a JSON object into the configuration of the plugin itself: those that
	// are not named stay, those that are null are removed. It returns when the change is served; success is false,
	// and the message says why, where it is not made. Scope plugins.write.
	UpdatePluginConfig(ctx context.Context, pluginID uint32, configJSON string) (success bool, message string, err error)
	// GetApp returns a *GetAppResponse. Scope apps.read.
	GetApp(ctx context.Context, appID uint32) (StudioAppResponse, error)
	// ListApps returns a *ListAppsResponse with a page of the active apps; pages begin with 1. Scope apps.read.
	ListApps(ctx context.Context, page, limit int32) (StudioAppsResponse, error)
}

// Answers of [StudioServices].
type (
	// StudioAppResponse holds an app.
	StudioAppResponse interface{ GetApp() *st.AppInfo }
	// StudioAppsResponse holds apps.
	StudioAppsResponse interface {
		GetApps() []*st.AppInfo
		GetTotalCount() int64
	}
)

// Answers of [GatewayServices].
type (
	// AppResponse holds an app.
	AppResponse interface{ GetApp() *gw.AppInfo }
	// AppsResponse holds apps.
	AppsResponse interface {
		GetApps() []*gw.AppInfo
		GetTotalCount() int64
	}
	// LLMResponse holds a language model.
	LLMResponse interface{ GetLlm() *gw.LLMInfo }
	// LLMsResponse holds language models.
	LLMsResponse interface {
		GetLlms() []*gw.LLMInfo
		GetTotalCount() int64
	}
	// BudgetStatusResponse tells what an app has spent in the period that runs.
	BudgetStatusResponse interface {
		GetAppId() uint32
		GetMonthlyBudget() float64
		GetCurrentUsage() float64
		GetRemainingBudget() float64
		GetPercentageUsed() float64
		GetIsOverBudget() bool
		GetTokensUsed() int64
		GetRequestsCount() int32
		// GetPeriodStart is in Unix seconds, like GetPeriodEnd.
		GetPeriodStart() int64
		GetPeriodEnd() int64
	}
	// ModelPricesResponse holds prices.
	ModelPricesResponse interface{ GetModelPrices() []*gw.ModelPriceInfo }
	// ModelPriceResponse holds a price.
	ModelPriceResponse interface{ GetModelPrice() *gw.ModelPriceInfo }
	// CredentialResponse is the verdict about a secret.
	CredentialResponse interface {
		GetValid() bool
		GetAppId() uint32
		GetCredentialId() uint32
		// GetExpiresAt is in Unix seconds; 0 means never.
		GetExpiresAt() int64
	}
)

// services is the [ServiceBroker] of one call: only the log differs between calls.
type services struct {
	log    Logger
	host   *host
	events *events
}

func (s *services) Logger() Logger           { return s.log }
func (s *services) KV() KVService            { return kv{s.host} }
func (s *services) Events() EventService     { return s.events }
func (s *services) Gateway() GatewayServices { return gateway{s.host} }

func (s *services) Studio() StudioServices {
	if !s.host.isStudio {
		return nil
	}
	return studio{s.host}
}
