package main

import (
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/rogpeppe/go-internal/testscript"
)

// startNATS runs a NATS with JetStream in this process and sets NATS to its address.
func startNATS(ts *testscript.TestScript, _ bool, args []string) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: filepath.Join(ts.MkAbs("."), args[0]), NoSigs: true, NoLog: true})
	ts.Check(err)
	s.Start()
	if !s.ReadyForConnections(time.Minute) {
		ts.Fatalf("NATS did not start")
	}
	ts.Setenv("NATS", s.ClientURL())
	ts.Defer(func() { s.Shutdown(); s.WaitForShutdown() })
}

// publish sends raw bytes to a subject, past every check of Drydock: publish SUBJECT DATA
func publish(ts *testscript.TestScript, _ bool, args []string) {
	nc, err := nats.Connect(ts.Getenv("NATS"))
	ts.Check(err)
	defer nc.Close()
	ts.Check(nc.Publish(args[0], []byte(os.Expand(args[1], ts.Getenv))))
	ts.Check(nc.Flush())
}
