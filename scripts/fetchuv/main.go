// Command fetchuv puts the uv that the tests use into a tools folder, as
// Drydock does when it first needs one: its wheel from the configured index,
// held to the digests of pkg/uv. Run it with `make uv`.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/uv"
)

func main() {
	dir := flag.String("dir", ".cache/tools", "tools `folder`")
	url := flag.String("index-url", os.Getenv("DRYDOCK_INDEX_URL"), "`URL` of the simple API to fetch from; empty: the public index")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// One try: a machine without network must not wait for its tests.
	from := index.NewClient(index.Config{URL: *url, Tries: 1})
	say := func(line string) { fmt.Fprintln(os.Stderr, line) }
	if _, err := (uv.Locator{Dir: *dir, Index: from, Say: say}).Find(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "fetchuv:", err)
		os.Exit(1)
	}
}
