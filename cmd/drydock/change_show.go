package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/drydock-dev/drydock/pkg/events"
	"github.com/drydock-dev/drydock/pkg/report"
	"github.com/drydock-dev/drydock/services/gateway/api"
	"github.com/drydock-dev/drydock/services/validator/proposal"
)

func (c *cli) changeShow() *cobra.Command {
	return &cobra.Command{Use: "show CHANGE", Short: "Show a change: its updates, each step in the dock, what was proposed", Args: exactArgs("CHANGE"),
		Annotations: map[string]string{moreFormats: "markdown"},
		Long: `--format markdown prints the text of the proposal: of a change that is proposed, to the byte what
was pushed with its branch.`,
		ValidArgsFunction: c.offers(c.changeIDs),
		RunE:              func(cmd *cobra.Command, args []string) error { return c.changeShown(cmd.Context(), args[0]) }}
}

// changeDoc is `drydock change show --format json`.
type changeDoc struct {
	Schema   string      `json:"schema"`
	Tool     report.Tool `json:"tool"`
	ExitCode int         `json:"exit_code"`
	*api.ChangeDetail
	PlanPhase  *report.Phase      `json:"plan_phase,omitempty"`
	Validation *report.Validation `json:"validation,omitempty"`

	plan *report.Plan
}

func (c *cli) changeShown(ctx context.Context, ref string) error {
	s, err := c.reads(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	id, _, err := findChange(ctx, s, ref)
	if err != nil {
		return err
	}
	doc, err := changeOf(ctx, s, id)
	if err != nil {
		return err
	}
	doc.Schema, doc.Tool = "drydock.change/v1", c.tool()
	switch c.opt.format {
	case "json":
		return c.resultJSON(doc)
	case "markdown":
		text, err := proposed(ctx, s, doc)
		if err != nil {
			return err
		}
		return c.resultText(text)
	}
	p := c.page()
	renderChange(p, doc, s.now(ctx))
	return c.result([]byte(p.b.String()))
}

// changeOf reads a change and the documents that its events name.
func changeOf(ctx context.Context, s *session, id string) (*changeDoc, error) {
	d, err := s.api.Change(ctx, id)
	if err != nil {
		return nil, err
	}
	doc := &changeDoc{ChangeDetail: d}
	if d.Document != "" {
		doc.plan = &report.Plan{}
		if err := document(ctx, s, d.Document, "the plan of "+id, doc.plan); err != nil {
			return nil, err
		}
		for i, ph := range doc.plan.Phases {
			if ph.Phase == d.Phase {
				doc.PlanPhase = &doc.plan.Phases[i]
			}
		}
	}
	if digest := validationOf(d); digest != "" {
		doc.Validation = &report.Validation{}
		if err := document(ctx, s, digest, "the validation of "+id, doc.Validation); err != nil {
			return nil, err
		}
	}
	return doc, nil
}

// validationOf is the newest document of what happened in the dock.
func validationOf(d *api.ChangeDetail) string {
	var digests []string
	if d.Rejected != nil {
		digests = append(digests, d.Rejected.Validation)
	}
	if d.Parked != nil {
		digests = append(digests, d.Parked.Validation)
	}
	if d.Validated != nil {
		digests = append(digests, d.Validated.Validation)
	}
	if d.Proposed != nil {
		digests = append(digests, d.Proposed.Validation)
	}
	return cmp.Or(digests...)
}

// document reads evidence that is JSON.
func document(ctx context.Context, s *session, digest, what string, into any) error {
	raw, err := s.api.Evidence(ctx, digest)
	if err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return surroundings("read %s: document %s: %w", what, short(digest), err)
	}
	return nil
}

// proposed is the text of a proposal: what was pushed, or, where nothing is, what is known so far.
func proposed(ctx context.Context, s *session, doc *changeDoc) ([]byte, error) {
	if p := doc.Proposed; p != nil && p.Text != "" && (doc.Stage == events.StageProposed || doc.Stage == events.StageMerged) {
		text, err := s.api.Evidence(ctx, p.Text)
		if err != nil {
			return nil, fmt.Errorf("read the text that was pushed for %s: %w", doc.ChangeDetail.Change.Change, err)
		}
		return text, nil
	}
	w := &inquiry{ctx: ctx, s: s}
	_, st, err := w.fold(doc.Application)
	if st == nil {
		return nil, err
	}
	ch := st.Changes[doc.ChangeDetail.Change.Change]
	f := proposal.Facts{Change: ch.ChangeOpened, Plan: doc.plan, Validation: doc.Validation, Evidence: validationOf(doc.ChangeDetail), State: &ch}
	if doc.Scan != "" {
		scan := &report.Scan{}
		if err := document(ctx, s, doc.Scan, "the scan of "+doc.Application, scan); err != nil {
			return nil, err
		}
		f.Findings = scan.Findings
	}
	return []byte(proposal.Text(f)), nil
}
