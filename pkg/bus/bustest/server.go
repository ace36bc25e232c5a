package bustest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// serverEnv tells a child that it is to be a server: "<port> <data directory> [user...]".
const serverEnv = "DRYDOCK_BUSTEST_SERVER"

// ServerMain makes this process a NATS server when [Server] started it as one, and does not return then. A
// test binary that uses StartServer calls it first of all in TestMain.
func ServerMain() {
	arg := os.Getenv(serverEnv)
	if arg == "" {
		return
	}
	var port int
	var dir string
	if _, err := fmt.Sscanf(arg, "%d %s", &port, &dir); err != nil {
		fmt.Fprintln(os.Stderr, "bustest server:", err)
		os.Exit(2)
	}
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, SyncAlways: true, NoSigs: true,
		JetStreamMaxMemory: 64 << 20, JetStreamMaxStore: 1 << 50, JetStreamLimits: server.JSLimitOpts{MaxBatchInflightPerStream: 1000},
		Users: []*server.User{
			{Username: "drydock", Password: "drydock"},
			{Username: "reader", Password: "reader", Permissions: &server.Permissions{
				Publish: &server.SubjectPermission{Deny: []string{"drydock.event.>", "$JS.API.STREAM.UPDATE.>"}}}},
		}})
	if err != nil {
		fmt.Fprintln(os.Stderr, "bustest server:", err)
		os.Exit(2)
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		fmt.Fprintln(os.Stderr, "bustest server: not ready")
		os.Exit(2)
	}
	fmt.Println(s.ClientURL())
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // the parent's end closes it: no server outlives its test
	s.Shutdown()
	os.Exit(0)
}

// Server is a NATS server in a child process.
type Server struct {
	dir  string
	addr string // host:port, kept over restarts
	cmd  *exec.Cmd
}

// StartServer starts one, killed at the end of the test.
func StartServer(t *testing.T) *Server {
	t.Helper()
	s := &Server{dir: t.TempDir()}
	s.Start(t)
	t.Cleanup(s.Kill)
	return s
}

// URL is where it is reached, by a user who may do everything or by "reader", who may not append.
func (s *Server) URL(user string) string { return "nats://" + user + ":" + user + "@" + s.addr }

// Start starts it, at the same address and on the same data as before.
func (s *Server) Start(t *testing.T) {
	t.Helper()
	port := "-1"
	if s.addr != "" {
		_, port, _ = strings.Cut(s.addr, ":")
	}
	var line string
	for range 5 { // the port may be taken for a moment after a kill
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), serverEnv+"="+port+" "+s.dir)
		cmd.Stderr = os.Stderr
		if _, err := cmd.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err = bufio.NewReader(out).ReadString('\n'); err == nil {
			s.cmd = cmd
			break
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		time.Sleep(200 * time.Millisecond)
	}
	if s.cmd == nil {
		t.Fatal("the server does not start")
	}
	s.addr = strings.TrimPrefix(strings.TrimSpace(line), "nats://")
}

// Kill ends it at once, as a crash would.
func (s *Server) Kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}
