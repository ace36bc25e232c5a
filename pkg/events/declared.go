package events

import "time"

// ApplicationDeclared names an application and where its source lies.
type ApplicationDeclared struct {
	Application string `json:"application"`        // its name
	Target      string `json:"target"`             // absolute path of what is scanned
	Remote      string `json:"remote,omitempty"`   // git remote without credentials, where known
	SubPath     string `json:"sub_path,omitempty"` // path of the target below the repository's root, with '/'
}

// PolicyChanged says which policy is in force from here on.
type PolicyChanged struct {
	Policy   string `json:"policy"`             // sha256:… of the policy text, kept as evidence
	Previous string `json:"previous,omitempty"` // the policy before
}

// Database is one ecosystem's advisory database as it was when used.
type Database struct {
	Name    string     `json:"name"`              // OSV ecosystem, "PyPI"
	Digest  string     `json:"digest"`            // sha256:… of the imported archive
	Records int        `json:"records"`           // advisories in it
	Newest  *time.Time `json:"newest,omitempty"`  // latest `modified` in it
	Fetched *time.Time `json:"fetched,omitempty"` // when Drydock fetched or imported it; absent for one given by hand
	Partial bool       `json:"partial,omitempty"` // it says itself that it is only part of one
}

// DatabaseUpdated says that the advisories in use changed, or the lists that say how urgent they are.
type DatabaseUpdated struct {
	Databases []Database `json:"databases"`         // all databases now in use, by name
	First     bool       `json:"first,omitempty"`   // the first import: nothing was known before
	Changed   int        `json:"changed,omitempty"` // packages whose advisories differ from before
	Lists     []List     `json:"lists,omitempty"`   // the lists of exploitation now in use, by name
}

// List is a list of exploitation that is joined to the advisories.
type List struct {
	Name   string `json:"name"`   // "kev" (CISA's list of known exploited vulnerabilities), "epss" (FIRST's scores)
	Digest string `json:"digest"` // sha256:… of the list as published
}
