package scanner

import (
	"fmt"
	"path"

	"github.com/drydock-dev/drydock/pkg/inventory"
)

// lockFiles stands for the formats whose parsers come later. They are found, so that an application that has
// one never looks clean.
type lockFiles struct{}

// lockNames are the exact names and the ecosystem of each.
var lockNames = map[string]string{
	"poetry.lock": "PyPI", "pdm.lock": "PyPI", "Pipfile.lock": "PyPI", "Pipfile": "PyPI", "pylock.toml": "PyPI",
	"package-lock.json": "npm", "npm-shrinkwrap.json": "npm", "yarn.lock": "npm", "pnpm-lock.yaml": "npm", "bun.lock": "npm", "bun.lockb": "npm", "deno.lock": "npm",
	"go.mod": "Go", "go.sum": "Go", "Cargo.lock": "crates.io", "Gemfile.lock": "RubyGems", "gems.locked": "RubyGems",
	"composer.lock": "Packagist", "packages.lock.json": "NuGet", "gradle.lockfile": "Maven", "verification-metadata.xml": "Maven",
	"pubspec.lock": "Pub", "mix.lock": "Hex", "Package.resolved": "SwiftURL", "Podfile.lock": "CocoaPods", "conan.lock": "ConanCenter",
	"renv.lock": "CRAN", "stack.yaml.lock": "Hackage", "cabal.project.freeze": "Hackage",
}

func (lockFiles) Kind() string { return "lock" }

func (lockFiles) Takes(name string) bool {
	base := path.Base(name)
	if base == "verification-metadata.xml" { // Gradle's lies in a folder of this name
		return path.Base(path.Dir(name)) == "gradle"
	}
	return lockNames[base] != ""
}

// exports say for each Python tool what its file is and how its pins come into a file that is read.
var exports = map[string]string{
	"poetry.lock":  "Poetry's lock file is not read by this version; export it: poetry export -o requirements.txt (with the plugin poetry-plugin-export)",
	"pdm.lock":     "PDM's lock file is not read by this version; export it: pdm export -o requirements.txt",
	"Pipfile.lock": "Pipenv's lock file is not read by this version; export it: pipenv requirements --hash > requirements.txt",
	"Pipfile":      "Pipenv's Pipfile is not read by this version, and no Pipfile.lock is beside it; lock and export it: pipenv lock && pipenv requirements --hash > requirements.txt",
	"pylock.toml":  "lock files of PEP 751 are not read by this version; export a requirements.txt with the tool that wrote it",
}

// Read does not open the file: its format is not known to this version.
func (l lockFiles) Read(t *tree, name string) manifest {
	base := path.Base(name)
	m := manifest{Kind: l.Kind(), Path: name, Ecosystem: lockNames[base], Unread: true}
	switch how := exports[base]; {
	case base == "Pipfile" && t.exists(path.Join(path.Dir(name), "Pipfile.lock")): // which says the same
	case how != "":
		m.incomplete(inventory.NotCovered, 0, fmt.Sprintf("%s: %s; then scan that file, or the installed environment (--environment)", name, how))
	default:
		m.incomplete(inventory.UnsupportedEcosystem, 0, fmt.Sprintf("%s: packages of %s are not read by this version", name, m.Ecosystem))
	}
	return m
}
