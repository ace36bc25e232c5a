package pybuild

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/drydock-dev/drydock/pkg/artifact"
	"github.com/drydock-dev/drydock/pkg/index"
	"github.com/drydock-dev/drydock/pkg/isolation/dock"
	"github.com/drydock-dev/drydock/pkg/wheelhouse"
)

const childVariable = "DRYDOCK_TEST_PYBUILD"

// child is what a process that is to be killed builds.
type child struct {
	Level                            dock.Level
	Work, House, To, Mark, Index, UV string
	Python                           artifact.Interpreter
}

// marking puts a mark into the environment of a box, and says that it builds.
type marking struct {
	dock.Dock
	mark string
}

func (m marking) Run(ctx context.Context, c dock.Command) (dock.Result, error) {
	c.Env["MARK"] = m.mark
	fmt.Println("it builds")
	return m.Dock.Run(ctx, c)
}

// build is main of such a process.
func (c child) build() error {
	ctx := context.Background()
	d, err := dock.At(ctx, c.Level)
	if err != nil {
		return err
	}
	house, err := wheelhouse.Open(c.House)
	if err != nil {
		return err
	}
	ix := index.NewClient(index.Config{URL: c.Index, Netrc: "-"})
	p, err := ix.Project(ctx, "slow")
	if err != nil {
		return err
	}
	b := Builder{Dock: marking{d, c.Mark}, House: house, Index: ix, UV: c.UV, Interpreter: c.Python, Work: c.Work}
	_, err = b.Build(ctx, []wheelhouse.Wanted{{Project: p, File: p.Releases[0].Files[0]}}, c.To)
	return err
}

func runChild(ask string) int {
	var c child
	err := json.Unmarshal([]byte(ask), &c)
	if err == nil {
		err = c.build()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
