// Package attest writes what others can check of an artifact: a bill of materials (CycloneDX 1.6) and statements
// about it (in-toto Attestation Framework, Statement v1). Both are functions of what they are made from: the same
// artifact gives the same bytes, so that their digests can be compared.
package attest

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gowebpki/jcs"
)

// Types of statements (https://github.com/in-toto/attestation).
const (
	StatementType  = "https://in-toto.io/Statement/v1"
	TestResultType = "https://in-toto.io/attestation/test-result/v0.1"
)

// ErrStatement reports a statement that can't be made: of no subject, or that says nothing.
var ErrStatement = errors.New("not a statement")

// Statement says something of subjects (in-toto Statement v1).
type Statement struct {
	Type          string     `json:"_type"`
	Subject       []Resource `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     any        `json:"predicate"`
}

// Resource names a thing by its content (in-toto ResourceDescriptor).
type Resource struct {
	Name        string            `json:"name,omitempty"`
	URI         string            `json:"uri,omitempty"`
	Digest      map[string]string `json:"digest"` // algorithm → hex digits
	MediaType   string            `json:"mediaType,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Result is the outcome of tests.
type Result string

// The results of the test-result predicate.
const (
	Passed Result = "PASSED"
	Warned Result = "WARNED" // what failed, failed without the change, too
	Failed Result = "FAILED"
)

// TestResult is what tests said of an artifact (in-toto test-result predicate v0.1). Lists are of names of tests
// or of whole checks, sorted.
type TestResult struct {
	Result        Result     `json:"result"`
	Configuration []Resource `json:"configuration"` // what says what was run: declarations of the application, policy, plan
	Passed        []string   `json:"passedTests,omitempty"`
	Warned        []string   `json:"warnedTests,omitempty"`
	Failed        []string   `json:"failedTests,omitempty"`
}

// SHA256 is a resource of a "sha256:…" digest.
func SHA256(name, digest string) (Resource, error) {
	if !digestForm.MatchString(digest) {
		return Resource{}, fmt.Errorf("name %s by %q: want sha256: and 64 hex digits: %w", name, digest, ErrStatement)
	}
	return Resource{Name: name, Digest: map[string]string{"sha256": strings.TrimPrefix(digest, "sha256:")}}, nil
}

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// Tests is the statement of what tests said of an artifact, in its canonical form (RFC 8785). A result that the
// lists contradict is refused: nothing failed passes.
func Tests(subject Resource, r TestResult) ([]byte, error) {
	if len(subject.Digest) == 0 || subject.Name == "" {
		return nil, fmt.Errorf("state the result of tests: a subject needs a name and a digest: %w", ErrStatement)
	}
	if len(r.Configuration) == 0 {
		return nil, fmt.Errorf("state the result of tests of %s: nothing says what was run: %w", subject.Name, ErrStatement)
	}
	r.Passed, r.Warned, r.Failed = sorted(r.Passed), sorted(r.Warned), sorted(r.Failed)
	if want := resultOf(r); r.Result != want {
		return nil, fmt.Errorf("state the result of tests of %s: %q, although %s passed, %s failed and %s failed before: that is %s: %w", subject.Name,
			r.Result, count(r.Passed), count(r.Failed), count(r.Warned), want, ErrStatement)
	}
	raw, err := json.Marshal(Statement{Type: StatementType, Subject: []Resource{subject}, PredicateType: TestResultType, Predicate: r})
	if err != nil {
		return nil, fmt.Errorf("state the result of tests of %s: %w", subject.Name, err)
	}
	out, err := jcs.Transform(raw)
	if err != nil {
		return nil, fmt.Errorf("state the result of tests of %s: %w", subject.Name, err)
	}
	return out, nil
}

// resultOf is what the lists say. No test at all is nothing that passed.
func resultOf(r TestResult) Result {
	switch {
	case len(r.Failed) > 0, len(r.Passed)+len(r.Warned) == 0:
		return Failed
	case len(r.Warned) > 0:
		return Warned
	}
	return Passed
}

func sorted(names []string) []string {
	names = slices.Sorted(slices.Values(names))
	return slices.Compact(names)
}

func count(names []string) string { return fmt.Sprintf("%d", len(names)) }
