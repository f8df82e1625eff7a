package plugin_sdk

import (
	"context"
	"os"

	pb "sidegate.dev/sdk/proto"
)

// Runtime is the kind of host that started the plugin.
type Runtime string

const (
	// RuntimeGateway is a host that serves clients.
	RuntimeGateway Runtime = "gateway"
	// RuntimeStudio is a host that administers: it runs the plugin for its page and sends it no requests of
	// clients. What is in the memory of this process is not what those have that serve clients.
	RuntimeStudio Runtime = "studio"
)

// Keys of PluginContext.metadata that have a field of their own in [Context].
const (
	metadataEdgeID        = "edge_id"
	metadataEdgeNamespace = "edge_namespace"
)

// Context is what a method of a plugin is given. It is a [context.Context] as well: done when nobody
// waits for the answer any more.
type Context struct {
	context.Context

	// Runtime is the kind of host.
	Runtime Runtime
	// RequestID names the request in the logs of gateway and plugin, and in the client's answer.
	RequestID string
	// AppID is the app of the caller; 0 for anonymous ones.
	AppID uint32
	// UserID is filled for hooks of language models only, like the next three.
	UserID uint32
	// LLMID is the number of the language model.
	LLMID uint32
	// LLMSlug is the short name of the language model.
	LLMSlug string
	// Vendor is who offers the language model.
	Vendor string
	// Metadata are notes of the host about the request. It may be nil.
	Metadata map[string]string
	// TraceContext holds "traceparent" and "tracestate" of a traced request. It may be nil.
	TraceContext map[string]string
	// EdgeID names the gateway that serves the request.
	EdgeID string
	// EdgeNamespace is where that gateway belongs.
	EdgeNamespace string
	// Features are the extensions of the protocol that host and plugin agreed upon.
	Features []string
	// Services leads to the log and to what the host offers.
	Services ServiceBroker
}

// withFacts fills in what the host says about a call.
func (c Context) withFacts(facts *pb.PluginContext) Context {
	c.RequestID = facts.GetRequestId()
	c.AppID = facts.GetAppId()
	c.UserID = facts.GetUserId()
	c.LLMID = facts.GetLlmId()
	c.LLMSlug = facts.GetLlmSlug()
	c.Vendor = facts.GetVendor()
	c.Metadata = facts.GetMetadata()
	c.TraceContext = facts.GetTraceContext()
	c.EdgeID = c.Metadata[metadataEdgeID]
	c.EdgeNamespace = c.Metadata[metadataEdgeNamespace]
	return c
}

// detectRuntime reads from the environment which kind of host this is.
func detectRuntime() Runtime {
	switch Runtime(os.Getenv("PLUGIN_RUNTIME")) {
	case RuntimeGateway:
		return RuntimeGateway
	case RuntimeStudio:
		return RuntimeStudio
	}
	switch os.Getenv("GATEWAY_MODE") {
	case "edge", "standalone_gateway":
		return RuntimeGateway
	}
	if os.Getenv("MICROGATEWAY_MODE") == "standalone" {
		return RuntimeGateway
	}
	return RuntimeStudio
}
