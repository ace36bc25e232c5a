package bustest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// serverEnv tells a child that it is to be a server, on this data directory.
const serverEnv = "DRYDOCK_BUSTEST_SERVER"

// ServerMain makes this process a NATS server when [Server] started it as one, and does not return then. A
// test binary that uses StartServer calls it first of all in TestMain.
func ServerMain() {
	dir := os.Getenv(serverEnv)
	if dir == "" {
		return
	}
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: dir, SyncAlways: true, NoSigs: true,
		JetStreamMaxMemory: 64 << 20, JetStreamMaxStore: 1 << 50, JetStreamLimits: server.JSLimitOpts{MaxBatchInflightPerStream: 1000, MaxBatchTimeout: patience},
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

// Server is a NATS server in a child process. The test itself listens for it, and hands connections on: the
// address stays the server's own while it is away, whoever else looks for a free port.
type Server struct {
	dir   string
	front net.Listener
	at    atomic.Pointer[string] // where the child listens; nil: it is away
	cmd   *exec.Cmd
}

// StartServer starts one, killed at the end of the test.
func StartServer(t *testing.T) *Server {
	t.Helper()
	s := &Server{dir: t.TempDir()}
	var err error
	if s.front, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.front.Close() })
	go s.accept()
	t.Cleanup(s.Kill)
	s.Start(t)
	return s
}

// accept hands connections on until the listener is closed; while the child is away they end at once.
func (s *Server) accept() {
	for {
		c, err := s.front.Accept()
		if err != nil {
			return
		}
		go s.handOn(c)
	}
}

func (s *Server) handOn(c net.Conn) {
	defer func() { _ = c.Close() }()
	at := s.at.Load()
	if at == nil {
		return
	}
	back, err := net.Dial("tcp", *at)
	if err != nil {
		return
	}
	defer func() { _ = back.Close() }()
	var ways sync.WaitGroup
	for _, way := range [][2]net.Conn{{c, back}, {back, c}} {
		ways.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			_ = way[0].(*net.TCPConn).CloseWrite() // what it said last still arrives
		})
	}
	ways.Wait()
}

// URL is where it is reached, by a user who may do everything or by "reader", who may not append.
func (s *Server) URL(user string) string {
	return "nats://" + user + ":" + user + "@" + s.front.Addr().String()
}

// Start starts it, at the same address and on the same data as before.
func (s *Server) Start(t *testing.T) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverEnv+"="+s.dir)
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil { // closed by our end: no server outlives its test
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	s.cmd = cmd
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		s.Kill()
		t.Fatalf("the server does not start: %v", err)
	}
	at := strings.TrimPrefix(strings.TrimSpace(line), "nats://")
	s.at.Store(&at)
}

// Kill ends it at once, as a crash would.
func (s *Server) Kill() {
	s.at.Store(nil)
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}
