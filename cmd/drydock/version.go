package main

import (
	"cmp"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/drydock-dev/drydock/pkg/report"
)

// version is set by the linker for a release: -ldflags "-X main.version=v1.2.3".
var version string

// build is what `drydock version --format json` prints.
type build struct {
	Schema   string      `json:"schema"`
	Tool     report.Tool `json:"tool"`
	ExitCode int         `json:"exit_code"`
	Go       string      `json:"go"`
	Platform string      `json:"platform"`
	Revision string      `json:"revision,omitempty"`
	Time     string      `json:"time,omitempty"`
	Modified *bool       `json:"modified,omitempty"`
}

func buildInfo() build {
	b := build{Schema: "drydock.version/v1", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	v := version
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "(devel)" {
			v = cmp.Or(v, info.Main.Version)
		}
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Revision = s.Value
			case "vcs.time":
				b.Time = s.Value
			case "vcs.modified":
				modified := s.Value == "true"
				b.Modified = &modified
			}
		}
	}
	b.Tool = report.Tool{Name: "drydock", Version: cmp.Or(v, "devel")}
	return b
}

func (c *cli) tool() report.Tool { return buildInfo().Tool }

func versionCommand(c *cli) *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Say which Drydock this is and what it was built from", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			b := buildInfo()
			if c.opt.format == "json" {
				return c.resultJSON(b)
			}
			p := c.page()
			p.line(plain, "drydock %s", b.Tool.Version)
			p.line(plain, "built with %s for %s", b.Go, b.Platform)
			if b.Revision != "" {
				state := ""
				if b.Modified != nil && *b.Modified {
					state = ", with local changes"
				}
				p.line(plain, "from %s of %s%s", b.Revision, b.Time, state)
			}
			return c.result([]byte(p.b.String()))
		}}
}
