package plugin_sdk

import (
	"os"

	"github.com/hashicorp/go-hclog"
)

// envLogLevel names the lowest level that is logged: trace, debug, info (the default), warn, error or
// off.
const envLogLevel = "PLUGIN_LOG_LEVEL"

// maxLogText is how long a text in a log line may be, in bytes: hosts split lines above 64 KiB.
const maxLogText = 8 * 1024

// stderr is the process's own: os.Stderr is exchanged when the plugin is served, and what goes there
// loses its level on the way.
var stderr = os.Stderr

// newLogger writes one JSON object a line, which hosts read the level from.
func newLogger(name string) hclog.Logger {
	level := hclog.LevelFromString(os.Getenv(envLogLevel))
	if level == hclog.NoLevel {
		level = hclog.Info
	}
	return hclog.New(&hclog.LoggerOptions{Name: name, Level: level, Output: stderr, JSONFormat: true})
}

// libraryLogger is for go-plugin, which talks a lot.
func libraryLogger(name string) hclog.Logger {
	log := newLogger(name)
	log.SetLevel(max(log.GetLevel(), hclog.Warn))
	return log
}

// logger keeps lines short enough for hosts.
type logger struct {
	to hclog.Logger
}

func (l logger) Debug(msg string, args ...any) { l.to.Debug(cut(msg), cutAll(args)...) }
func (l logger) Info(msg string, args ...any)  { l.to.Info(cut(msg), cutAll(args)...) }
func (l logger) Warn(msg string, args ...any)  { l.to.Warn(cut(msg), cutAll(args)...) }
func (l logger) Error(msg string, args ...any) { l.to.Error(cut(msg), cutAll(args)...) }

// with adds fields to every line.
func (l logger) with(args ...any) logger {
	return logger{l.to.With(args...)}
}

func cutAll(args []any) []any {
	short := make([]any, len(args))
	for i, arg := range args {
		switch value := arg.(type) {
		case string:
			short[i] = cut(value)
		case []byte:
			short[i] = cut(string(value))
		case error:
			short[i] = cut(value.Error())
		default:
			short[i] = arg
		}
	}
	return short
}

func cut(text string) string {
	text = SanitizeUTF8String(text)
	if len(text) <= maxLogText {
		return text
	}
	return SanitizeUTF8String(text[:maxLogText]) + "…"
}
