package plugin_sdk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"

	sh "sidegate.dev/sdk/proto/sidegate_host"
)

// ErrConditionFailed is in the chain of the error of a write whose condition did not hold. Nothing has changed then.
var ErrConditionFailed = errors.New("the condition does not hold")

// Entries is the storage of [KVService] with conditions, for what must not be lost or used twice. It has the same keys
// and limits, and the same scope kv.readwrite. Hosts without [FeatureStorage] do not offer it: every call fails with
// [errors.ErrUnsupported] in the chain.
//
// While the storage cannot be reached, as when a disk is full, calls fail with the code Unavailable. After that nobody
// knows whether a write or a take was done.
type Entries struct{ host *host }

// EntriesOf returns the storage with conditions.
func EntriesOf(services ServiceBroker) Entries {
	return Entries{hostOf(services)}
}

// Version says which content an entry has: the same value with the same end has the same one.
type Version string

// Entry is what is kept under a key.
type Entry struct {
	// Value is what was written.
	Value []byte
	// Version is its version.
	Version Version
	// TTL is how long it is kept; 0 is for ever.
	TTL time.Duration
}

// PutOption says when, and for how long, [Entries.Put] keeps a value.
type PutOption func(*sh.WriteEntryRequest)

// IfAbsent keeps the value only where nothing is kept under the key.
func IfAbsent() PutOption {
	return func(r *sh.WriteEntryRequest) { r.Condition = &sh.WriteEntryRequest_IfAbsent{IfAbsent: true} }
}

// IfVersion keeps the value only where the key has this version.
func IfVersion(version Version) PutOption {
	return func(r *sh.WriteEntryRequest) {
		r.Condition = &sh.WriteEntryRequest_IfVersion{IfVersion: []byte(version)}
	}
}

// IfValue keeps the value only where the key has that value.
func IfValue(value []byte) PutOption {
	return func(r *sh.WriteEntryRequest) { r.Condition = &sh.WriteEntryRequest_IfValue{IfValue: value} }
}

// ForTime keeps the value for so long, at least for a millisecond.
func ForTime(ttl time.Duration) PutOption {
	return func(r *sh.WriteEntryRequest) {
		r.TtlMs = uint64(max(1, (ttl + time.Millisecond - 1).Milliseconds()))
	}
}

// Find returns what is kept under a key; [ErrNotFound] is in the error's chain where there is nothing.
func (e Entries) Find(ctx context.Context, key string) (Entry, error) {
	const what = "failed to find an entry"
	if err := check(what, key, nil); err != nil {
		return Entry{}, err
	}
	request := &sh.ReadEntryRequest{Key: key}
	answer, err := askSidegate(ctx, e.host, FeatureStorage, repeatable, what, request, sidegateHost.ReadEntry)
	if err != nil {
		return Entry{}, err
	}
	return Entry{Value: answer.GetValue(), Version: Version(answer.GetVersion()), TTL: millis(answer.GetTtlMs())}, nil
}

// Put keeps a value and returns its version. Where a condition does not hold, [ErrConditionFailed] is in the error's
// chain, and the version is that of what is there, empty where nothing is.
func (e Entries) Put(ctx context.Context, key string, value []byte, options ...PutOption) (Version, error) {
	const what = "failed to put an entry"
	if err := check(what, key, value); err != nil {
		return "", err
	}
	request := &sh.WriteEntryRequest{Key: key, Value: value}
	for _, option := range options {
		option(request)
	}
	// Asked twice, the second answer would be that the condition does not hold.
	safe := safety(request.Condition == nil)
	answer, err := askSidegate(ctx, e.host, FeatureStorage, safe, what, request, sidegateHost.WriteEntry)
	if err != nil {
		return "", err
	}
	if !answer.GetWritten() {
		return Version(answer.GetVersion()), fmt.Errorf("%s: %w", what, ErrConditionFailed)
	}
	return Version(answer.GetVersion()), nil
}

// Take removes a key and returns what was kept there: of all who take it at once, one gets it. For all others
// [ErrNotFound] is in the error's chain. What is for one use only, such as a code or a nonce, is taken and never read.
func (e Entries) Take(ctx context.Context, key string) ([]byte, error) {
	return e.take(ctx, &sh.TakeEntryRequest{Key: key})
}

// TakeIf takes a key only where it has this version.
func (e Entries) TakeIf(ctx context.Context, key string, version Version) ([]byte, error) {
	return e.take(ctx, &sh.TakeEntryRequest{Key: key, IfVersion: []byte(version)})
}

func (e Entries) take(ctx context.Context, request *sh.TakeEntryRequest) ([]byte, error) {
	const what = "failed to take an entry"
	if err := check(what, request.Key, nil); err != nil {
		return nil, err
	}
	// Asked twice, the second answer would be that nothing is there.
	answer, err := askSidegate(ctx, e.host, FeatureStorage, once, what, request, sidegateHost.TakeEntry)
	return answer.GetValue(), err
}

// ListOptions say which page of a list is wanted.
type ListOptions struct {
	// After lists only keys behind this one: Next of the page before.
	After string
	// Limit is how many entries a page has at most: 100 where it is 0, 1000 at the most.
	Limit uint32
	// WithValues brings the values along. A page ends before they have more than 1 MiB, but has one at least.
	WithValues bool
}

// ListedEntry is an entry of a list.
type ListedEntry struct {
	// Key is its key.
	Key string
	// ValueBytes is the size of its value.
	ValueBytes uint64
	// TTL is how long it is kept; 0 is for ever.
	TTL time.Duration
	// Value is there where it was asked for.
	Value []byte
}

// EntryPage holds some entries in the order of their keys.
type EntryPage struct {
	// Entries are the entries.
	Entries []ListedEntry
	// Next leads to the next page; it is empty on the last one.
	Next string
}

// List returns entries whose keys begin with the prefix. A key that is there all the time is on exactly one page,
// whatever is written between two pages.
func (e Entries) List(ctx context.Context, prefix string, options ListOptions) (EntryPage, error) {
	const what = "failed to list entries"
	request := &sh.ListEntriesRequest{
		Prefix: prefix, After: options.After, Limit: options.Limit, WithValues: options.WithValues,
	}
	answer, err := askSidegate(ctx, e.host, FeatureStorage, repeatable, what, request, sidegateHost.ListEntries)
	if err != nil {
		return EntryPage{}, err
	}
	page := EntryPage{Next: answer.GetNext()}
	for _, entry := range answer.GetEntries() {
		page.Entries = append(page.Entries, ListedEntry{
			Key: entry.GetKey(), ValueBytes: entry.GetValueBytes(), TTL: millis(entry.GetTtlMs()), Value: entry.GetValue(),
		})
	}
	return page, nil
}

func millis(ms uint64) time.Duration {
	const most = uint64(1<<63-1) / uint64(time.Millisecond)
	return time.Duration(min(ms, most)) * time.Millisecond
}

// sidegateHost is the client of the service that Sidegate has beyond the original contract.
type sidegateHost = sh.SidegateHostServiceClient

// askSidegate calls one method of that service, where the host announced it.
func askSidegate[Q, A any](ctx context.Context, h *host, feature string, safe safety, what string, request *Q,
	method func(sidegateHost, context.Context, *Q, ...grpc.CallOption) (*A, error),
) (*A, error) {
	if h == nil || !h.offers(feature) {
		return nil, fmt.Errorf("%s: the host does not offer %q: %w", what, feature, errors.ErrUnsupported)
	}
	answer, err := call(ctx, h, safe, func(ctx context.Context, conn grpc.ClientConnInterface) (*A, error) {
		return method(sh.NewSidegateHostServiceClient(conn), ctx, request)
	})
	if err != nil {
		return nil, described(what, err)
	}
	return answer, nil
}

// hostOf returns the host behind the services of this SDK; nil for services that a test made.
func hostOf(broker ServiceBroker) *host {
	if own, isOwn := broker.(*services); isOwn {
		return own.host
	}
	return nil
}
