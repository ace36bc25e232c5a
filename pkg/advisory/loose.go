package advisory

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// loose packs records lying in a directory: folders named like ecosystems are one database each, else all
// records are of one.
func (im *importer) loose(ctx context.Context, source string) ([]Imported, error) {
	var all []Imported
	for _, name := range Ecosystems() {
		folder := filepath.Join(source, name)
		if files, err := recordFiles(folder); err != nil || len(files) == 0 {
			continue
		}
		one, err := im.pack(ctx, folder, name, isFile(filepath.Join(source, partialMarker)))
		if err != nil {
			return all, err
		}
		all = append(all, one)
	}
	if len(all) > 0 {
		return all, nil
	}
	one, err := im.pack(ctx, source, im.o.Ecosystem, false)
	return oneOf(one, err)
}

// pack makes an archive of the records in a folder: the same records give the same bytes, so importing them
// again changes nothing.
func (im *importer) pack(ctx context.Context, folder, ecosystem string, partial bool) (Imported, error) {
	fail := func(err error) (Imported, error) {
		return Imported{}, fmt.Errorf("import advisories from %s: %w; a database already in use stays", folder, err)
	}
	files, err := recordFiles(folder)
	if err != nil {
		return fail(err)
	}
	if len(files) == 0 {
		return fail(fmt.Errorf("%w: neither <Ecosystem>/%s nor OSV records (*.json) in it", ErrArchive, archiveName))
	}
	stage, err := im.stage()
	if err != nil {
		return fail(err)
	}
	defer stage.close()
	partial = partial || isFile(filepath.Join(folder, partialMarker))
	r, w := io.Pipe()
	go func() { w.CloseWithError(writeZip(w, folder, files, partial)) }()
	defer r.Close()
	if err := stage.fill(ctx, r, 0, im.progress(ecosystem, StageCopy)); err != nil {
		return fail(err)
	}
	if ecosystem == "" {
		if ecosystem, err = im.guess(ctx, stage, folder); err != nil {
			return fail(err)
		}
	}
	one, err := im.install(ctx, stage, ecosystem, meta{Source: folder, Fetched: im.now(), Partial: partial})
	if err != nil {
		return fail(err)
	}
	return one, nil
}

// recordFiles lists the *.json files beneath a folder, sorted, by path; links are not followed.
func recordFiles(folder string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && path != folder && strings.HasPrefix(e.Name(), ".") {
			return fs.SkipDir
		}
		if e.Type().IsRegular() && strings.HasSuffix(e.Name(), ".json") {
			files = append(files, path)
		}
		if len(files) > maxEntries {
			return fmt.Errorf("%w: more than %d records", ErrArchive, maxEntries)
		}
		return nil
	})
	slices.Sort(files)
	return files, err
}

func writeZip(w io.Writer, folder string, files []string, partial bool) error {
	z := zip.NewWriter(w)
	if partial {
		if _, err := z.Create(partialMarker); err != nil {
			return err
		}
	}
	for _, path := range files {
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		if err := addFile(z, filepath.ToSlash(name), path); err != nil {
			return err
		}
	}
	return z.Close()
}

func addFile(z *zip.Writer, name, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	entry, err := z.Create(name)
	if err != nil {
		return err
	}
	n, err := io.Copy(entry, io.LimitReader(f, maxRecord+1))
	if n > maxRecord {
		return fmt.Errorf("%w: %s has more than %d bytes", ErrArchive, path, maxRecord)
	}
	return err
}
