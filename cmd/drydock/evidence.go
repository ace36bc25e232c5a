package main

import (
	"bytes"
	"context"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/drydock-dev/drydock/pkg/bus"
	"github.com/drydock-dev/drydock/pkg/evidence"
	"github.com/drydock-dev/drydock/services/gateway/api"
)

func evidenceCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "evidence", Short: "Stored documents: logs, reports, bills of materials, manifests", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(&cobra.Command{Use: "get SHA", Short: "Print a stored document, held to its digest", Args: exactArgs("SHA"),
		Long: `SHA is a digest, with or without sha256:, or its first 8 digits where an event or a validation names it.
The bytes come as they are; on a terminal only text is shown, and what a terminal would obey is
written out. -o FILE takes any document.`,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if c.opt.format == "json" && !c.fromEnv("format") {
				return usage("evidence get prints a document as it is; leave --format out")
			}
			return c.evidenceGot(cmd.Context(), args[0])
		}})
	return cmd
}

func (c *cli) evidenceGot(ctx context.Context, ref string) error {
	hex := strings.ToLower(strings.TrimPrefix(ref, "sha256:"))
	if len(hex) < 8 || len(hex) > 64 || strings.Trim(hex, "0123456789abcdef") != "" {
		return usage("%q is no digest; give sha256: and 64 hex digits, or at least the first 8 of them", ref)
	}
	s, err := c.reads(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	digest := "sha256:" + hex
	if len(hex) < 64 {
		if digest, err = findEvidence(ctx, s, hex); err != nil {
			return err
		}
	}
	data, err := s.api.Evidence(ctx, digest)
	if api.Is(err, api.NotFound) {
		return surroundings("there is no document %s in this log; drydock why %s tells of events that name it", digest, digest)
	}
	if err != nil {
		return err
	}
	if got := evidence.Of(data); string(got) != digest {
		return surroundings("read evidence %s: %w (it is %s)", digest, evidence.ErrCorrupt, got)
	}
	return c.resultText(data)
}

var (
	digestForm     = regexp.MustCompile(`sha256:[0-9a-f]{64}`)
	validationForm = regexp.MustCompile(`"validation":"(sha256:[0-9a-f]{64})"`)
)

// maxLooked is how many documents of validations, the newest first, are looked through for the beginning of a digest.
const maxLooked = 200

// findEvidence finds the one digest that begins so: among those that events name, else among those that documents
// of validations do (the logs of their steps).
func findEvidence(ctx context.Context, s *session, prefix string) (string, error) {
	var found, validations []string
	look := func(data []byte) {
		for _, d := range digestForm.FindAllString(string(data), -1) {
			if strings.HasPrefix(d, "sha256:"+prefix) && !slices.Contains(found, d) {
				found = append(found, d)
			}
		}
	}
	_, err := s.api.Events(ctx, api.EventQuery{}, func(r bus.Record) error {
		if r.Err == nil {
			look(r.Event.Data())
			if m := validationForm.FindSubmatch(r.Event.Data()); m != nil {
				validations = append(validations, string(m[1]))
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	for i, d := range slices.Backward(validations) {
		if len(found) > 0 || i < len(validations)-maxLooked {
			break
		}
		data, err := s.api.Evidence(ctx, d)
		if err != nil {
			return "", err
		}
		look(data)
	}
	switch {
	case len(found) == 0:
		return "", surroundings("no event names a document that begins with %s; give all 64 digits, as the document that speaks of it has them", prefix)
	case len(found) > 1:
		return "", usage("%s is the beginning of %s; give more of it", prefix, count(len(found), "digest"))
	}
	return found[0], nil
}

// resultText writes a document as it is; to a terminal only where it is text, with all that a terminal would
// obey written out.
func (c *cli) resultText(data []byte) error {
	if _, tty := terminal(c.Stdout); !tty || c.opt.output != "" && c.opt.output != "-" {
		return c.result(data)
	}
	shown, err := shownText(data)
	if err != nil {
		return err
	}
	return c.result([]byte(shown))
}

// shownText is a document as a terminal may show it.
func shownText(data []byte) (string, error) {
	if binary(data) {
		return "", surroundings("the document is not text, so it is not shown on a terminal; write it to a file with -o FILE")
	}
	shown := clean(strings.ReplaceAll(string(data), "\t", "    "))
	if shown != "" && !strings.HasSuffix(shown, "\n") {
		shown += "\n"
	}
	return shown, nil
}

// binary reports whether data is no text: it has a NUL, or does not read as UTF-8. One line of a log that was cut
// inside of a character is text all the same.
func binary(data []byte) bool {
	if bytes.IndexByte(data, 0) >= 0 {
		return true
	}
	bad, head := 0, data[:min(len(data), 64<<10)]
	for i := 0; i < len(head); {
		r, n := utf8.DecodeRune(head[i:])
		if r == utf8.RuneError && n == 1 {
			bad++
		}
		i += n
	}
	return bad*20 > len(head)
}
