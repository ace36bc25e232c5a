package main

import (
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
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
