package index

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// page is the answer of the simple API (PEP 691 with PEP 700), as far as it is used.
type page struct {
	version string // of the API
	name    string
	files   []pageFile
	has     bool // there is a list of files
}

type pageFile struct {
	filename, url, requires, uploaded string
	hashes, metadata                  map[string]string
	size                              int64
	yanked                            bool
	reason                            string
}

// reader reads a page. A page may have thousands of files: its strings are parts of one string, nothing is read by
// reflection, and what is not used is passed over. A name that stands twice counts as it last stands, as it does
// for pip.
type reader struct {
	*jsontext.Decoder
	text string
}

func readPage(data []byte) (pg page, err error) {
	if !utf8.Valid(data) {
		data = bytes.ToValidUTF8(data, []byte("\uFFFD"))
	}
	r := reader{jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true)), string(data)}
	err = r.object(func(key string) error {
		var err error
		switch key {
		case `"meta"`:
			return r.object(func(key string) error {
				if key != `"api-version"` {
					return r.SkipValue()
				}
				pg.version, err = r.string()
				return err
			})
		case `"name"`:
			pg.name, err = r.string()
			return err
		case `"files"`:
			pg.files, pg.has, err = r.files()
			return err
		}
		return r.SkipValue()
	})
	if err != nil {
		return page{}, err
	}
	if _, err := r.ReadToken(); !errors.Is(err, io.EOF) {
		return page{}, errors.New("something follows its end")
	}
	return pg, nil
}

// object calls field for each member of the object that comes next, with its name as it is written; null is an
// object without members.
func (r *reader) object(field func(key string) error) error {
	t, err := r.ReadToken()
	if err != nil {
		return err
	}
	switch t.Kind() {
	case 'n':
		return nil
	case '{':
	default:
		return r.unexpected(t.Kind(), "an object")
	}
	for r.PeekKind() != '}' {
		key, err := r.ReadValue()
		if err != nil {
			return err
		}
		if err := field(string(key)); err != nil {
			return err
		}
	}
	_, err = r.ReadToken()
	return err
}

func (r *reader) unexpected(found jsontext.Kind, want string) error {
	return fmt.Errorf("found %s instead of %s at byte %d", found, want, r.InputOffset())
}

// string reads a string; null is an empty one.
func (r *reader) string() (string, error) {
	v, err := r.ReadValue()
	if err != nil {
		return "", err
	}
	switch v.Kind() {
	case 'n':
		return "", nil
	case '"':
		return r.unquoted(v)
	}
	return "", r.unexpected(v.Kind(), "a string")
}

// unquoted is the string v, which was just read: the part of the text where nothing is escaped.
func (r *reader) unquoted(v jsontext.Value) (string, error) {
	if bytes.IndexByte(v, '\\') < 0 {
		end := r.InputOffset() - 1
		return r.text[end-int64(len(v)-2) : end], nil
	}
	b, err := jsontext.AppendUnquote(nil, v)
	return string(b), err
}

func (r *reader) files() (files []pageFile, has bool, err error) {
	t, err := r.ReadToken()
	if err != nil {
		return nil, false, err
	}
	switch t.Kind() {
	case 'n':
		return nil, false, nil
	case '[':
	default:
		return nil, false, r.unexpected(t.Kind(), "a list")
	}
	files = make([]pageFile, 0, len(r.text)/usualFile)
	for r.PeekKind() != ']' {
		files = append(files, pageFile{})
		if err := r.file(&files[len(files)-1]); err != nil {
			return nil, false, err
		}
	}
	_, err = r.ReadToken()
	return files, true, err
}

func (r *reader) file(f *pageFile) error {
	modern := false // core-metadata is stronger than the name it had before (PEP 714)
	return r.object(func(key string) (err error) {
		switch key {
		case `"filename"`:
			f.filename, err = r.string()
		case `"url"`:
			f.url, err = r.string()
		case `"requires-python"`:
			f.requires, err = r.string()
		case `"upload-time"`:
			f.uploaded, err = r.string()
		case `"hashes"`:
			f.hashes, err = r.hashes()
		case `"size"`:
			f.size, err = r.number()
		case `"yanked"`:
			f.yanked, f.reason, err = r.yanked()
		case `"core-metadata"`, `"data-dist-info-metadata"`:
			m, err := r.metadata()
			if key == `"core-metadata"` {
				f.metadata, modern = m, true
			} else if !modern {
				f.metadata = m
			}
			return err
		default:
			return r.SkipValue()
		}
		return err
	})
}

func (r *reader) hashes() (map[string]string, error) {
	m := make(map[string]string, 1)
	err := r.object(func(key string) error {
		value, err := r.string()
		if err == nil {
			m[algorithm(key)] = value
		}
		return err
	})
	return m, err
}

// algorithm is the name of a hash function, written in JSON. Nearly all are one, which need not be copied.
func algorithm(key string) string {
	if key == `"sha256"` {
		return "sha256"
	}
	b, err := jsontext.AppendUnquote(nil, key)
	if err != nil {
		return key // a name that stands for nothing
	}
	return string(b)
}

func (r *reader) number() (int64, error) {
	v, err := r.ReadValue()
	if err != nil || v.Kind() == 'n' {
		return 0, err
	}
	if v.Kind() != '0' {
		return 0, r.unexpected(v.Kind(), "a number")
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the size %s is no whole number", clip(string(v)))
	}
	return max(n, 0), nil
}

// yanked is false, true, or the reason: a reason, even an empty one, means yanked (PEP 691).
func (r *reader) yanked() (bool, string, error) {
	v, err := r.ReadValue()
	if err != nil {
		return false, "", err
	}
	switch v.Kind() {
	case 't':
		return true, "", nil
	case '"':
		reason, err := r.unquoted(v)
		return true, reason, err
	}
	return false, "", nil
}

// metadata is true or the hashes of the file's core metadata; anything else means that there is none.
func (r *reader) metadata() (map[string]string, error) {
	switch r.PeekKind() {
	case '{':
		return r.hashes()
	case 't':
		return map[string]string{}, r.SkipValue()
	}
	return nil, r.SkipValue()
}
