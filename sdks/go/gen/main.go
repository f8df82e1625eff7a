// Command gen turns the protocol files into Go, without protoc.
//
// It compiles them with protocompile and hands the result to protoc-gen-go and
// protoc-gen-go-grpc, whose versions are those of this module. The generated files are committed,
// so that nobody who uses the SDK needs any of this. Run it in its own folder:
//
//	go run .    # writes the files
//	go test .   # fails when they are stale
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// module is the path of the SDK, whose root folder is the parent of this one.
const module = "sidegate.dev/sdk"

// packages maps each protocol file to the Go package made from it. The protocol files belong to
// all languages and name no Go package themselves.
//
// Left out on purpose: plugin/goplugin.proto and plugin/health.proto. go-plugin and grpc-go bring
// these messages along, and a second registration of the same names ends the program.
var packages = map[string]string{
	"plugin/plugin.proto":                "proto",
	"plugin/config_provider.proto":       "proto/config_provider",
	"host/microgateway_management.proto": "proto/microgateway_management",
	"host/plugin_events.proto":           "proto/plugin_events",
	"host/ai_studio_management.proto":    "proto/ai_studio_management",
	"host/sidegate_host.proto":           "proto/sidegate_host",
}

// roots are the folders in which protocol files are looked for, seen from this one.
var roots = []string{"../../../proto"}

func main() {
	log.SetFlags(0)
	sources, err := generate()
	if err != nil {
		log.Fatal(err)
	}
	for path, content := range sources {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// generate returns the contents of all generated files by their paths, seen from this folder.
func generate() (map[string]string, error) {
	names := slices.Sorted(maps.Keys(packages))
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: roots}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := compiler.Compile(context.Background(), names...)
	if err != nil {
		return nil, fmt.Errorf("compile the protocol files: %w", err)
	}
	request := &pluginpb.CodeGeneratorRequest{
		FileToGenerate: names,
		Parameter:      proto.String(parameter()),
		ProtoFile:      descriptors(files),
	}
	sources := map[string]string{}
	for _, generator := range []string{"protoc-gen-go", "protoc-gen-go-grpc"} {
		made, err := drive(generator, request)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", generator, err)
		}
		for _, file := range made {
			sources[filepath.Join("..", filepath.FromSlash(file.GetName()))] = file.GetContent()
		}
	}
	return sources, nil
}

// parameter tells the generators which Go package a file becomes.
func parameter() string {
	options := []string{"module=" + module}
	for name, folder := range packages {
		options = append(options, fmt.Sprintf("M%s=%s/%s", name, module, folder))
	}
	return strings.Join(options, ",")
}

// descriptors lists the files and everything they import, imported ones first.
func descriptors(files linker.Files) []*descriptorpb.FileDescriptorProto {
	var all []*descriptorpb.FileDescriptorProto
	seen := map[string]bool{}
	var add func(file linker.File)
	add = func(file linker.File) {
		if seen[file.Path()] {
			return
		}
		seen[file.Path()] = true
		imports := file.Imports()
		for i := range imports.Len() {
			if imported := file.FindImportByPath(imports.Get(i).Path()); imported != nil {
				add(imported)
			}
		}
		all = append(all, protoutil.ProtoFromFileDescriptor(file))
	}
	for _, file := range files {
		add(file)
	}
	return all
}

// drive runs one generator and returns the files it made.
func drive(generator string, request *pluginpb.CodeGeneratorRequest) ([]*pluginpb.CodeGeneratorResponse_File, error) {
	input, err := proto.Marshal(request)
	if err != nil {
		return nil, err
	}
	command := exec.Command("go", "tool", generator)
	command.Stdin = bytes.NewReader(input)
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		return nil, err
	}
	var response pluginpb.CodeGeneratorResponse
	if err := proto.Unmarshal(output, &response); err != nil {
		return nil, err
	}
	if response.Error != nil {
		return nil, errors.New(response.GetError())
	}
	return response.File, nil
}
