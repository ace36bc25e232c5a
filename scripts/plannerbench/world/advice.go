package world

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/drydock-dev/drydock/pkg/advisory"
)

const ecosystem = "PyPI"

// Advice is an advisory database that both planners use: as a directory that Drydock reads, and through the
// OSV API, which answers from the same directory by Drydock's own matching.
type Advice struct {
	Dir string // holds osv-scalibr/PyPI/all.zip

	db      *advisory.DB
	records map[string]json.RawMessage // by id
}

// Lay makes a database of the records in base (a directory that holds osv-scalibr/PyPI/all.zip) and those in
// files, which replace records of the same id. It is written to dir. cache keeps what was parsed.
func Lay(base, dir, cache string, files []string) (*Advice, error) {
	a := &Advice{Dir: dir, records: map[string]json.RawMessage{}}
	own := map[string]json.RawMessage{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("read a record: %w", err)
		}
		var r struct{ ID string }
		if err := json.Unmarshal(data, &r); err != nil || r.ID == "" {
			return nil, fmt.Errorf("read the record %s: no id, %w", f, err)
		}
		own[r.ID] = data
	}
	if err := a.write(filepath.Join(base, "osv-scalibr", ecosystem, "all.zip"), own); err != nil {
		return nil, fmt.Errorf("lay records over %s: %w", base, err)
	}
	var err error
	a.db, err = advisory.Open(dir, advisory.Options{CacheDir: cache, Ecosystems: []string{ecosystem}})
	return a, err
}

// Close waits for what is still being written.
func (a *Advice) Close() error { return a.db.Close() }

func (a *Advice) write(base string, own map[string]json.RawMessage) (err error) {
	from, err := zip.OpenReader(base)
	if err != nil {
		return err
	}
	defer from.Close()
	to := filepath.Join(a.Dir, "osv-scalibr", ecosystem, "all.zip")
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z := zip.NewWriter(f)
	for _, e := range from.File {
		id := e.Name[:max(0, len(e.Name)-len(".json"))]
		if own[id] != nil {
			continue
		}
		if err := z.Copy(e); err != nil {
			return err
		}
		if a.records[id], err = content(e); err != nil {
			return err
		}
	}
	for id, data := range own {
		w, err := z.Create(id + ".json")
		if err != nil {
			return err
		}
		if _, err := w.Write(data); err != nil {
			return err
		}
		a.records[id] = data
	}
	return z.Close()
}

func content(e *zip.File) ([]byte, error) {
	r, err := e.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// asServed is a record as the OSV API gives it: there, times end in Z (databases of others write offsets too,
// and clients rely on the Z).
func asServed(record json.RawMessage) json.RawMessage {
	var r map[string]json.RawMessage
	if json.Unmarshal(record, &r) != nil {
		return record
	}
	for _, key := range []string{"published", "modified", "withdrawn"} {
		var t time.Time
		if json.Unmarshal(r[key], &t) == nil && !t.IsZero() {
			r[key], _ = json.Marshal(t.UTC()) // a time can always be written
		}
	}
	out, err := json.Marshal(r)
	if err != nil {
		return record
	}
	return out
}

// question is what the OSV API takes.
type question struct {
	Package struct{ Name, Ecosystem string }
	Version string
}

// hits are the ids of the records of this database that cover a version.
func (a *Advice) hits(q question) ([]string, error) {
	if q.Package.Ecosystem != ecosystem || q.Version == "" {
		return nil, fmt.Errorf("only questions for a version of a package of %s are answered", ecosystem)
	}
	hits, err := a.db.Match(ecosystem, q.Package.Name, q.Version)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, h := range hits {
		for _, id := range h.IDs {
			if a.records[id] != nil && !slices.Contains(out, id) {
				out = append(out, id)
			}
		}
	}
	return out, nil
}

// serve answers as api.osv.dev does.
func (a *Advice) serve(rw http.ResponseWriter, r *http.Request, rest string) error {
	body := http.MaxBytesReader(rw, r.Body, maxQuestion)
	switch {
	case rest == "query":
		var q question
		if err := json.NewDecoder(body).Decode(&q); err != nil {
			return fmt.Errorf("read the question: %w", err)
		}
		ids, err := a.hits(q)
		if err != nil {
			return err
		}
		answer := map[string]any{}
		var vulns []json.RawMessage
		for _, id := range ids {
			vulns = append(vulns, asServed(a.records[id]))
		}
		if vulns != nil {
			answer["vulns"] = vulns
		}
		return write(rw, answer)
	case rest == "querybatch":
		var b struct{ Queries []question }
		if err := json.NewDecoder(body).Decode(&b); err != nil {
			return fmt.Errorf("read the questions: %w", err)
		}
		results := make([]map[string]any, len(b.Queries))
		for i, q := range b.Queries {
			ids, err := a.hits(q)
			if err != nil {
				return err
			}
			results[i] = map[string]any{}
			var vulns []map[string]string
			for _, id := range ids {
				vulns = append(vulns, map[string]string{"id": id})
			}
			if vulns != nil {
				results[i]["vulns"] = vulns
			}
		}
		return write(rw, map[string]any{"results": results})
	case len(rest) > len("vulns/") && rest[:len("vulns/")] == "vulns/":
		record := a.records[rest[len("vulns/"):]]
		if record == nil {
			return errUnknown
		}
		return write(rw, asServed(record))
	}
	return errUnknown
}

func write(rw http.ResponseWriter, v any) error {
	rw.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(rw).Encode(v)
}
