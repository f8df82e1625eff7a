package plugin_sdk

import "strings"

// SanitizeUTF8 makes text of bytes: what is not UTF-8 becomes U+FFFD. Texts in messages must be
// UTF-8; others cannot be sent.
func SanitizeUTF8(content []byte) string {
	return SanitizeUTF8String(string(content))
}

// SanitizeUTF8String replaces what is not UTF-8 by U+FFFD.
func SanitizeUTF8String(text string) string {
	return strings.ToValidUTF8(text, "\uFFFD")
}
