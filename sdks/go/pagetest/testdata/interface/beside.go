package main

import "sidegate.dev/sdk/plugin_sdk"

// The names that the page uses without their package.
type (
	Plugin  = plugin_sdk.Plugin
	Context = plugin_sdk.Context
)

// The page's interface and the SDK's are the same.
var (
	_ CustomEndpointHandler            = plugin_sdk.CustomEndpointHandler(nil)
	_ plugin_sdk.CustomEndpointHandler = CustomEndpointHandler(nil)
)

func main() {}
