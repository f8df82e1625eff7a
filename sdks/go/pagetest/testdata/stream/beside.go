package main

import "sidegate.dev/sdk/plugin_sdk"

type MyPlugin struct{ plugin_sdk.BasePlugin }

func main() { plugin_sdk.Serve(&MyPlugin{}) }
