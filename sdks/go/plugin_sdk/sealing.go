package plugin_sdk

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	sh "sidegate.dev/sdk/proto/sidegate_host"
)

const (
	// MaxClearBytes is the most that is sealed at once.
	MaxClearBytes = 64 << 10
	// MaxAssociatedBytes is the most that has to be given again to open something.
	MaxAssociatedBytes = 4 << 10
	// sealBytes is how much longer sealed bytes are.
	sealBytes = 37
)

// ErrCannotOpen is in the chain of the error about bytes that this plugin did not seal, that were changed, that belong to
// other associated data, or whose key is gone.
var ErrCannotOpen = errors.New("it cannot be opened")

// Sealer encrypts bytes with a key of the host's, so that they can be handed to somebody who is to bring them back unread
// and unchanged, such as in a cookie. The same plugin alone can open them, also after a restart and at another edge of its
// namespace. Scope kv.readwrite. Hosts without [FeatureSealing] do not offer it: every call fails with
// [errors.ErrUnsupported] in the chain. While the host has no key, calls fail with the code Unavailable.
type Sealer struct{ host *host }

// SealerOf returns what seals for the plugin.
func SealerOf(services ServiceBroker) Sealer {
	return Sealer{hostOf(services)}
}

// Seal encrypts at most [MaxClearBytes]. The associated data, at most [MaxAssociatedBytes] and perhaps none, are not in
// the result and have to be given again to open it: for whom it is, or what for. When it ends has to be in what is sealed:
// the host does not know.
func (s Sealer) Seal(ctx context.Context, clear, associated []byte) ([]byte, error) {
	const what = "failed to seal"
	if err := within(what, "the bytes to seal have", len(clear), MaxClearBytes); err != nil {
		return nil, err
	}
	if err := within(what, "the associated data have", len(associated), MaxAssociatedBytes); err != nil {
		return nil, err
	}
	request := &sh.SealRequest{Clear: clear, AssociatedData: associated}
	answer, err := askSidegate(ctx, s.host, FeatureSealing, repeatable, what, request, sidegateHost.Seal)
	return answer.GetSealed(), err
}

// Open decrypts what Seal made; [ErrCannotOpen] is in the error's chain where that cannot be.
func (s Sealer) Open(ctx context.Context, sealed, associated []byte) ([]byte, error) {
	const what = "failed to open"
	if err := within(what, "the associated data have", len(associated), MaxAssociatedBytes); err != nil {
		return nil, err
	}
	// Nothing that long was ever sealed.
	if len(sealed) > MaxClearBytes+sealBytes {
		return nil, fmt.Errorf("%s: %w", what, ErrCannotOpen)
	}
	request := &sh.OpenRequest{Sealed: sealed, AssociatedData: associated}
	answer, err := askSidegate(ctx, s.host, FeatureSealing, repeatable, what, request, sidegateHost.Open)
	if status.Code(err) == codes.InvalidArgument {
		return nil, fmt.Errorf("%w: %w", ErrCannotOpen, err)
	}
	return answer.GetClear(), err
}

func within(what, name string, bytes, most int) error {
	if bytes <= most {
		return nil
	}
	return described(what, status.Errorf(codes.InvalidArgument, "%s %d bytes, %d are the most", name, bytes, most))
}
