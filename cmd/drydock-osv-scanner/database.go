package main

import (
	"archive/zip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// purlTypes are the ecosystems this program can ask about, with their purl type.
var purlTypes = map[string]string{
	"PyPI":      "pypi",
	"Go":        "golang",
	"crates.io": "cargo",
	"npm":       "npm",
}

// check refuses what osv-scanner would answer with "no vulnerabilities": a
// package it can't place, and a database that is missing, broken or empty.
func check(req request) error {
	if req.DB == "" {
		return errors.New("the request names no database directory (db)")
	}
	seen := map[string]bool{}
	for i, p := range req.Packages {
		switch {
		case p.Name == "" || p.Version == "":
			return fmt.Errorf("package %d of the request has no name or no version", i)
		case purlTypes[p.Ecosystem] == "":
			return fmt.Errorf("package %s is of ecosystem %q, which this program does not ask about", p.Name, p.Ecosystem)
		}
		if seen[p.Ecosystem] {
			continue
		}
		seen[p.Ecosystem] = true
		if err := checkArchive(filepath.Join(layout(req.DB), p.Ecosystem, "all.zip")); err != nil {
			return err
		}
	}
	return nil
}

// layout is the folder of the ecosystems' folders.
func layout(db string) string {
	if dir := filepath.Join(db, "osv-scalibr"); isDir(dir) {
		return dir
	}
	return db
}

func isDir(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.IsDir()
}

func checkArchive(path string) error {
	z, err := zip.OpenReader(path)
	if err != nil {
		return fmt.Errorf("open the database %s: %w", path, err)
	}
	defer z.Close()
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, ".json") {
			return nil
		}
	}
	return fmt.Errorf("the database %s holds no advisory", path)
}
