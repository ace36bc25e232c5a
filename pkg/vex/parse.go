package vex

import (
	"slices"
	"strings"
	"time"

	"github.com/drydock-dev/drydock/pkg/strictyaml"
)

// namespace is what the context of a document is; versions of it say how it is built.
const namespace = "https://openvex.dev/ns"

// Parse reads an OpenVEX document; name stands for the file in errors, of which *strictyaml.Errors lists all
// problems, each with its line and path ("statements[0].justification"). What the specification does not know
// is refused: a key mistyped could make a statement speak of more than its author meant.
func Parse(name string, data []byte) (*Document, error) {
	root, err := tree(name, data)
	if err != nil {
		return nil, err
	}
	r := &reader{file: name, data: data}
	d := r.document(root)
	if err := r.err(); err != nil {
		return nil, err
	}
	d.text = slices.Clone(data)
	return d, nil
}

// others tell what people give instead of an OpenVEX document, by a key at its top.
var others = [...]struct{ key, what string }{
	{"bomFormat", "this is a CycloneDX document: only OpenVEX is read"},
	{"document", "this is a CSAF document: only OpenVEX is read"},
	{"predicate", "this is an attestation: give the OpenVEX document that is its predicate"},
	{"payload", "this is a signed envelope: verify it and give the OpenVEX document inside"},
}

func (r *reader) document(root *node) *Document {
	if root.kind == '{' {
		for _, other := range others {
			if slices.Contains(root.keys, other.key) && !slices.Contains(root.keys, "@context") {
				r.fail(root, "", nil, "%s", other.what)
				return nil
			}
		}
	}
	o, ok := r.object(root, "", "", "@context", "@id", "author", "role", "timestamp", "last_updated", "version", "tooling", "supplier", "statements")
	if !ok {
		return nil
	}
	context := o.must("@context", "want "+namespace+"/v0.2.0")
	if version, ok := strings.CutPrefix(context, namespace); context != "" && (!ok || version != "" && !strings.HasPrefix(version, "/v0.2.")) {
		o.fail(o.get("@context"), "@context", []string{namespace, namespace + "/v0.2.0"}, "%q: this reads OpenVEX 0.2.0", clip(context))
	}
	d := &Document{ID: o.must("@id", "the IRI that names the document"), Author: o.must("author", "who says so"), Role: o.text("role"),
		Issued: o.moment("timestamp"), Updated: o.moment("last_updated"), Version: o.number("version", 1)}
	if !o.has("timestamp") {
		o.missing("timestamp", "when the document was issued")
	}
	if !o.has("version") {
		o.missing("version", "the number of this version of the document, from 1 on")
	}
	o.text("tooling")
	o.text("supplier")
	items, paths := o.list("statements")
	if n := o.get("statements"); n == nil || n.kind == '[' && len(n.values) == 0 {
		o.missing("statements", "a document makes at least one")
	}
	for i, n := range items {
		if s, ok := r.statement(n, paths[i], d); ok {
			d.Statements = append(d.Statements, s)
		}
	}
	return d
}

func (r *reader) statement(n *node, path string, d *Document) (Statement, bool) {
	o, ok := r.object(n, path, "", "@id", "version", "vulnerability", "timestamp", "last_updated", "products", "status", "supplier", "status_notes",
		"justification", "impact_statement", "action_statement", "action_statement_timestamp")
	if !ok {
		return Statement{}, false
	}
	s := Statement{Document: d.ID, Author: d.Author, ID: o.text("@id"), Supplier: o.text("supplier"), Notes: o.text("status_notes"),
		Status: Status(o.choice("status", "a status", Status("").Allowed())), Justification: o.choice("justification", "a justification", justifications),
		Impact: o.text("impact_statement"), Action: o.text("action_statement"), Time: latest(d.Issued, o.moment("timestamp"), o.moment("last_updated"))}
	o.number("version", 0)
	o.moment("action_statement_timestamp")
	r.vulnerability(o, &s)
	items, paths := o.list("products")
	for i, item := range items {
		if p, ok := r.product(item, paths[i]); ok {
			s.Products = append(s.Products, p)
		}
	}
	if p := o.get("products"); p == nil || p.kind == '[' && len(p.values) == 0 {
		o.missing("products", "what the statement is about")
	}
	if s.Status == "" && !(o.has("status") && o.get("status").kind != '"') {
		o.missing("status", "one of "+strings.Join(Status("").Allowed(), ", "))
	}
	switch {
	case s.Status == NotAffected && s.Justification == "" && s.Impact == "":
		o.fail(o.at, below(path, "justification"), justifications, "missing: not_affected needs a justification, or an impact_statement")
	case s.Status == Affected && s.Action == "":
		o.missing("action_statement", "affected needs to say what to do about it")
	case s.Status != "" && s.Status != NotAffected && s.Justification != "":
		o.fail(o.get("justification"), below(path, "justification"), nil, "it justifies not_affected, but the status is %s", clip(string(s.Status)))
	}
	return s, true
}

// latest is the time at which a statement was known to be true: its own, else the document's, and not before
// it was last updated.
func latest(document, own, updated time.Time) time.Time {
	if own.IsZero() {
		own = document
	}
	if updated.After(own) {
		return updated
	}
	return own
}

func (r *reader) vulnerability(o object, s *Statement) {
	n := o.get("vulnerability")
	if n == nil {
		o.missing("vulnerability", "which one the statement is about")
		return
	}
	v, ok := r.object(n, below(o.path, "vulnerability"), " (OpenVEX before 0.2.0 wrote the name alone)", "@id", "name", "description", "aliases")
	if !ok {
		return
	}
	v.text("@id")
	v.text("description")
	s.Vulnerability = v.must("name", "the id of the vulnerability")
	items, paths := v.list("aliases")
	for i, item := range items {
		if alias := r.plain(item, paths[i]); alias != "" {
			s.Aliases = append(s.Aliases, alias)
		}
	}
}

func (r *reader) product(n *node, path string) (Product, bool) {
	o, ok := r.object(n, path, " (OpenVEX before 0.2.0 wrote the @id alone)", "@id", "identifiers", "hashes", "supplier", "subcomponents")
	if !ok {
		return Product{}, false
	}
	p := Product{Component: r.component(o)}
	items, paths := o.list("subcomponents")
	for i, item := range items {
		if c, ok := r.object(item, paths[i], " (OpenVEX before 0.2.0 wrote the @id alone)", "@id", "identifiers", "hashes", "supplier"); ok {
			p.Subcomponents = append(p.Subcomponents, r.component(c))
		}
	}
	return p, true
}

// component reads what products and their subcomponents share.
func (r *reader) component(o object) Component {
	c := Component{ID: o.text("@id")}
	o.text("supplier")
	if isPURL(c.ID) {
		r.packageURL(&c, c.ID, o.get("@id"), below(o.path, "@id"))
	}
	identifiers := r.texts(o, "identifiers", "purl", "cpe22", "cpe23", "@cpe22", "@cpe23")
	if n := identifiers["purl"]; n != nil {
		if text := strings.TrimSpace(n.text); text != "" {
			r.packageURL(&c, text, n, below(o.path, "identifiers.purl"))
		}
	}
	hashes := r.texts(o, "hashes", "md5", "sha1", "sha-256", "sha-384", "sha-512", "sha3-224", "sha3-256", "sha3-384", "sha3-512", "blake2s-256", "blake2b-256", "blake2b-512")
	if c.ID == "" && len(identifiers) == 0 && len(hashes) == 0 {
		r.fail(o.at, o.path, nil, "it identifies nothing: want an @id, identifiers or hashes")
	}
	return c
}

func (r *reader) packageURL(c *Component, text string, n *node, path string) {
	p, err := parsePURL(text)
	if err != nil {
		r.fail(n, path, nil, "%s", err)
		return
	}
	c.PURLs, c.purls = append(c.PURLs, text), append(c.purls, p)
}

// texts are the texts of an object within another.
func (r *reader) texts(o object, key string, keys ...string) map[string]*node {
	n := o.get(key)
	if n == nil {
		return nil
	}
	inner, ok := r.object(n, below(o.path, key), "", keys...)
	if !ok {
		return nil
	}
	out := map[string]*node{}
	for _, k := range n.keys {
		if v := inner.get(k); v != nil {
			inner.text(k)
			out[k] = v
		}
	}
	return out
}

// Allowed are the statuses there are.
func (Status) Allowed() []string {
	return []string{string(NotAffected), string(Affected), string(Fixed), string(UnderInvestigation)}
}

// justifications are why a product is not affected ("VEX Status Justifications", CISA 2022).
var justifications = []string{"component_not_present", "vulnerable_code_not_present", "vulnerable_code_not_in_execute_path",
	"vulnerable_code_cannot_be_controlled_by_adversary", "inline_mitigations_already_exist"}

var _ strictyaml.Choice = Status("")
