package pagetest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	adminToken = "sga_the-page-tests-own-admin-token"
	// patience is how long anything may take.
	patience = 30 * time.Second
)

// runningGateway is the real program, ended with the test.
type runningGateway struct {
	*testing.T
	binary, url, adminURL string
	log                   *os.File
}

func startGateway(t *testing.T) *runningGateway {
	t.Helper()
	binary, err := filepath.Abs(theGateway.orSkip(t))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		t.Fatal(err)
	}
	ready := filepath.Join(folder, "ready.json")
	command := exec.Command(binary, "serve", "--ready-file", ready)
	command.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOST=127.0.0.1", "PORT=0", "ADMIN_PORT=0", "SHUTDOWN_TIMEOUT=1s",
		"DATA_DIR=" + filepath.Join(folder, "data"), "SIDEGATE_ADMIN_TOKEN=" + adminToken, "LOG_LEVEL=debug",
	}
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, command, log.Name()) })
	g := &runningGateway{T: t, binary: binary, log: log}
	var said struct {
		Gateway string `json:"gateway_addr"`
		Admin   string `json:"admin_addr"`
	}
	g.eventually("the gateway listens", func() bool {
		text, err := os.ReadFile(ready)
		return err == nil && json.Unmarshal(text, &said) == nil
	})
	g.url, g.adminURL = "http://"+said.Gateway, "http://"+said.Admin
	return g
}

// stop ends the gateway in order, by force where it must be, and shows its log after a failure.
func stop(t *testing.T, command *exec.Cmd, log string) {
	_ = command.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(patience, func() { _ = command.Process.Kill() })
	err := command.Wait()
	timer.Stop()
	if err != nil {
		t.Errorf("the gateway did not end well: %v", err)
	}
	if t.Failed() {
		text, _ := os.ReadFile(log)
		t.Logf("the gateway's log:\n%s", text)
	}
}

// cli runs a command against the gateway and returns what it prints.
func (g *runningGateway) cli(arguments ...string) string {
	g.Helper()
	command := exec.Command(g.binary, arguments...)
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "SIDEGATE_URL=" + g.adminURL, "SIDEGATE_ADMIN_TOKEN=" + adminToken}
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		g.Fatalf("sidegate %s: %v\n%s", strings.Join(arguments, " "), err, &stderr)
	}
	return strings.TrimSpace(string(output))
}

// plugin registers a program under its name and waits until it serves.
func (g *runningGateway) plugin(bin, name string, more ...string) {
	g.Helper()
	g.cli(append([]string{"plugin", "add", "--name", name, "--slug", name, "--command", "file://" + filepath.Join(bin, name)}, more...)...)
}

// token makes an app and returns a token of it.
func (g *runningGateway) token(app string, more ...string) string {
	g.Helper()
	g.cli(append([]string{"app", "create", "--name", app, "--owner-email", app + "@example.com"}, more...)...)
	return g.cli("token", "create", "--app", app, "--name", app, "--quiet")
}

// wants sends a request and compares status and body. Headers are given as "Name: value".
func (g *runningGateway) wants(status int, body, method, path, content string, headers ...string) http.Header {
	g.Helper()
	got, header, text := g.send(method, path, content, headers...)
	if got != status || text != body {
		g.Errorf("%s %s: %d %q instead of %d %q", method, path, got, text, status, body)
	}
	return header
}

func (g *runningGateway) send(method, path, content string, headers ...string) (int, http.Header, string) {
	g.Helper()
	request, err := http.NewRequestWithContext(g.Context(), method, g.url+path, strings.NewReader(content))
	if err != nil {
		g.Fatal(err)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		g.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		g.Fatalf("%s %s: %v", method, path, err)
	}
	return answer.StatusCode, answer.Header, string(text)
}

func (g *runningGateway) eventually(what string, isTrue func() bool) {
	g.Helper()
	for begun := time.Now(); !isTrue(); time.Sleep(20 * time.Millisecond) {
		if time.Since(begun) > patience {
			g.Fatalf("not within %v: %s", patience, what)
		}
	}
}
