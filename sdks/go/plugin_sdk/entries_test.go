package plugin_sdk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"sidegate.dev/sdk/plugin_sdk"
	pb "sidegate.dev/sdk/proto"
	sh "sidegate.dev/sdk/proto/sidegate_host"
)

// keeper keeps entries with conditions and seals bytes.
type keeper struct{ plugin_sdk.BasePlugin }

func (*keeper) GetEndpointRegistrations() ([]*pb.EndpointRegistration, error) {
	return []*pb.EndpointRegistration{{Path: "/*", Methods: []string{"GET"}}}, nil
}

func (*keeper) HandleEndpointRequest(ctx plugin_sdk.Context, req *pb.EndpointRequest) (*pb.EndpointResponse, error) {
	tried := map[string]func(plugin_sdk.Context) (any, error){
		"/conditions": tryConditions, "/lists": tryLists, "/seals": trySeals, "/limits": tryLimits,
		"/put": func(ctx plugin_sdk.Context) (any, error) {
			return plugin_sdk.EntriesOf(ctx.Services).Put(ctx, "k", nil)
		},
		"/put/once": func(ctx plugin_sdk.Context) (any, error) {
			return plugin_sdk.EntriesOf(ctx.Services).Put(ctx, "k", nil, plugin_sdk.IfAbsent())
		},
	}
	told, err := tried[req.RelativePath](ctx)
	if err != nil {
		told = []any{err.Error(), errors.Is(err, errors.ErrUnsupported), status.Code(err).String()}
	}
	text, err := json.Marshal(told)
	return &pb.EndpointResponse{StatusCode: 200, Body: text}, err
}

func tryConditions(ctx plugin_sdk.Context) (any, error) {
	entries := plugin_sdk.EntriesOf(ctx.Services)
	_, errAbsent := entries.Find(ctx, "k")
	first, err1 := entries.Put(ctx, "k", []byte("1"), plugin_sdk.IfAbsent())
	there, errThere := entries.Put(ctx, "k", []byte("2"), plugin_sdk.IfAbsent())
	found, err2 := entries.Find(ctx, "k")
	second, err3 := entries.Put(ctx, "k", []byte("2"), plugin_sdk.IfVersion(found.Version), plugin_sdk.ForTime(time.Minute))
	_, errOld := entries.Put(ctx, "k", []byte("3"), plugin_sdk.IfVersion(first))
	_, errOther := entries.Put(ctx, "k", []byte("3"), plugin_sdk.IfValue([]byte("1")))
	kept, err4 := entries.Find(ctx, "k")
	_, errTake := entries.TakeIf(ctx, "k", first)
	taken, err5 := entries.TakeIf(ctx, "k", second)
	_, errAgain := entries.Take(ctx, "k")
	return []any{
		errors.Is(errAbsent, plugin_sdk.ErrNotFound), string(found.Value), found.TTL, there == first, found.Version == first,
		errors.Is(errThere, plugin_sdk.ErrConditionFailed), errors.Is(errOld, plugin_sdk.ErrConditionFailed),
		errors.Is(errOther, plugin_sdk.ErrConditionFailed), kept.TTL, errors.Is(errTake, plugin_sdk.ErrNotFound),
		string(taken), errors.Is(errAgain, plugin_sdk.ErrNotFound),
	}, errors.Join(err1, err2, err3, err4, err5)
}

func tryLists(ctx plugin_sdk.Context) (any, error) {
	entries := plugin_sdk.EntriesOf(ctx.Services)
	for i := range 5 {
		if _, err := entries.Put(ctx, fmt.Sprintf("l/%d", i), []byte{'a' + byte(i)}); err != nil {
			return nil, err
		}
	}
	var told []string
	options := plugin_sdk.ListOptions{Limit: 2, WithValues: true}
	for {
		page, err := entries.List(ctx, "l/", options)
		if err != nil {
			return nil, err
		}
		for _, entry := range page.Entries {
			told = append(told, fmt.Sprintf("%s=%s %d", entry.Key, entry.Value, entry.ValueBytes))
		}
		if options.After = page.Next; page.Next == "" {
			break
		}
	}
	keys, err := ctx.Services.KV().List(ctx, "l/")
	return append(told, keys...), err
}

func trySeals(ctx plugin_sdk.Context) (any, error) {
	sealer := plugin_sdk.SealerOf(ctx.Services)
	sealed, err1 := sealer.Seal(ctx, []byte("jane"), []byte("cookie"))
	opened, err2 := sealer.Open(ctx, sealed, []byte("cookie"))
	_, errOther := sealer.Open(ctx, sealed, []byte("form"))
	_, errLong := sealer.Open(ctx, make([]byte, plugin_sdk.MaxClearBytes+38), nil)
	return []any{
		bytes.Contains(sealed, []byte("jane")), string(opened),
		errors.Is(errOther, plugin_sdk.ErrCannotOpen), errors.Is(errLong, plugin_sdk.ErrCannotOpen),
	}, errors.Join(err1, err2)
}

func tryLimits(ctx plugin_sdk.Context) (any, error) {
	entries, sealer := plugin_sdk.EntriesOf(ctx.Services), plugin_sdk.SealerOf(ctx.Services)
	_, errKey := entries.Find(ctx, "")
	_, errValue := entries.Put(ctx, "k", make([]byte, plugin_sdk.MaxValueBytes+1))
	_, errClear := sealer.Seal(ctx, make([]byte, plugin_sdk.MaxClearBytes+1), nil)
	_, errAssociated := sealer.Open(ctx, nil, make([]byte, plugin_sdk.MaxAssociatedBytes+1))
	var told []string
	for _, err := range []error{errKey, errValue, errClear, errAssociated} {
		told = append(told, status.Code(err).String())
	}
	return told, nil
}

// fakeSidegate is what Sidegate offers beyond the original contract, kept in memory.
type fakeSidegate struct {
	sh.UnimplementedSidegateHostServiceServer

	mu      sync.Mutex
	entries map[string]*sh.WriteEntryRequest
	sealed  [][3][]byte
	writes  int
	// away is the storage of a gateway whose disk is full.
	away bool
}

func version(entry *sh.WriteEntryRequest) []byte {
	if entry == nil {
		return nil
	}
	return fmt.Appendf(nil, "%s for %d", entry.Value, entry.TtlMs)
}

func (f *fakeSidegate) ReadEntry(_ context.Context, req *sh.ReadEntryRequest) (*sh.ReadEntryResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	entry := f.entries[req.Key]
	if entry == nil {
		return nil, status.Error(codes.NotFound, "key not found")
	}
	answer := &sh.ReadEntryResponse{Value: entry.Value, Version: version(entry)}
	if entry.TtlMs > 0 {
		answer.TtlMs = &entry.TtlMs
	}
	return answer, nil
}

func (f *fakeSidegate) WriteEntry(_ context.Context, req *sh.WriteEntryRequest) (*sh.WriteEntryResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writes++
	if f.away {
		return nil, status.Error(codes.Unavailable, "the storage cannot be reached right now")
	}
	there, holds := f.entries[req.Key], true
	switch condition := req.Condition.(type) {
	case *sh.WriteEntryRequest_IfAbsent:
		holds = there == nil
	case *sh.WriteEntryRequest_IfVersion:
		holds = there != nil && bytes.Equal(version(there), condition.IfVersion)
	case *sh.WriteEntryRequest_IfValue:
		holds = there != nil && bytes.Equal(there.Value, condition.IfValue)
	}
	if !holds {
		return &sh.WriteEntryResponse{Version: version(there)}, nil
	}
	f.entries[req.Key] = req
	return &sh.WriteEntryResponse{Written: true, Created: there == nil, Version: version(req)}, nil
}

func (f *fakeSidegate) TakeEntry(_ context.Context, req *sh.TakeEntryRequest) (*sh.TakeEntryResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	entry := f.entries[req.Key]
	if entry == nil || (req.IfVersion != nil && !bytes.Equal(version(entry), req.IfVersion)) {
		return nil, status.Error(codes.NotFound, "key not found")
	}
	delete(f.entries, req.Key)
	return &sh.TakeEntryResponse{Value: entry.Value}, nil
}

func (f *fakeSidegate) ListEntries(_ context.Context, req *sh.ListEntriesRequest) (*sh.ListEntriesResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	answer := &sh.ListEntriesResponse{}
	for _, key := range slices.Sorted(maps.Keys(f.entries)) {
		if !strings.HasPrefix(key, req.Prefix) || key <= req.After {
			continue
		}
		if len(answer.Entries) == int(req.Limit) {
			answer.Next = answer.Entries[req.Limit-1].Key
			break
		}
		entry := &sh.ListedEntry{Key: key, ValueBytes: uint64(len(f.entries[key].Value))}
		if req.WithValues {
			entry.Value = f.entries[key].Value
		}
		answer.Entries = append(answer.Entries, entry)
	}
	return answer, nil
}

func (f *fakeSidegate) Seal(_ context.Context, req *sh.SealRequest) (*sh.SealResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	sealed := fmt.Appendf(nil, "sealed %d", len(f.sealed))
	f.sealed = append(f.sealed, [3][]byte{sealed, req.Clear, req.AssociatedData})
	return &sh.SealResponse{Sealed: sealed}, nil
}

func (f *fakeSidegate) Open(_ context.Context, req *sh.OpenRequest) (*sh.OpenResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, known := range f.sealed {
		if bytes.Equal(known[0], req.Sealed) && bytes.Equal(known[2], req.AssociatedData) {
			return &sh.OpenResponse{Clear: known[1]}, nil
		}
	}
	return nil, status.Error(codes.InvalidArgument, "it cannot be opened")
}

// startKeeper runs the plugin below a host that announces these features.
func startKeeper(t *testing.T, features ...string) *testHost {
	h := start(t, "keeper", false)
	h.features = features
	h.offerServices()
	h.initialize(nil)
	return h
}

func TestEntriesAreWrittenUnderConditionsAndTakenOnce(t *testing.T) {
	h := startKeeper(t, "storage")
	want := `[true,"1",0,true,true,true,true,true,60000000000,true,"2",true]`
	if answer := h.get("/conditions"); string(answer.Body) != want {
		t.Errorf("%s instead of %s", answer.Body, want)
	}
}

func TestEntriesAreListedPageByPage(t *testing.T) {
	h := startKeeper(t, "storage")
	want := `["l/0=a 1","l/1=b 1","l/2=c 1","l/3=d 1","l/4=e 1","l/0","l/1","l/2","l/3","l/4"]`
	if answer := h.get("/lists"); string(answer.Body) != want {
		t.Errorf("%s instead of %s", answer.Body, want)
	}
}

func TestWhatIsSealedIsOpenedWithTheSameAssociatedDataOnly(t *testing.T) {
	h := startKeeper(t, "sealing")
	want := `[false,"jane",true,true]`
	if answer := h.get("/seals"); string(answer.Body) != want {
		t.Errorf("%s instead of %s", answer.Body, want)
	}
}

func TestWhatIsTooLargeToBeKeptOrSealedIsNotSent(t *testing.T) {
	h := startKeeper(t)
	want := `["InvalidArgument","InvalidArgument","InvalidArgument","InvalidArgument"]`
	if answer := h.get("/limits"); string(answer.Body) != want {
		t.Errorf("%s instead of %s", answer.Body, want)
	}
}

func TestWhatTheHostDidNotAnnounceIsNotAskedFor(t *testing.T) {
	h := startKeeper(t, "sealing")
	want := `["failed to put an entry: the host does not offer \"storage\": unsupported operation",true,"Unknown"]`
	if answer := h.get("/put"); string(answer.Body) != want {
		t.Errorf("%s instead of %s", answer.Body, want)
	}
	if h.sidegate.writes != 0 {
		t.Error("it was asked nevertheless")
	}
}

func TestAStorageThatIsAwayIsUnavailableAndAConditionIsNotAskedTwice(t *testing.T) {
	h := startKeeper(t, "storage")
	h.sidegate.away = true
	for path, writes := range map[string]int{"/put": 2, "/put/once": 1} {
		h.sidegate.mu.Lock()
		h.sidegate.writes = 0
		h.sidegate.mu.Unlock()
		want := `,false,"Unavailable"]`
		if answer := h.get(path); !strings.HasSuffix(string(answer.Body), want) {
			t.Errorf("%s instead of %s", answer.Body, want)
		}
		if h.sidegate.writes != writes {
			t.Errorf("%s: asked %d times instead of %d", path, h.sidegate.writes, writes)
		}
	}
}
