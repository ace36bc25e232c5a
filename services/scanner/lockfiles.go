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
	"poetry.lock": "PyPI", "pdm.lock": "PyPI", "Pipfile.lock": "PyPI", "pylock.toml": "PyPI",
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

// Read does not open the file: its format is not known to this version.
func (l lockFiles) Read(_ *tree, name string) manifest {
	base := path.Base(name)
	m := manifest{Kind: l.Kind(), Path: name, Ecosystem: lockNames[base], Unread: true}
	if m.Ecosystem == "PyPI" {
		m.incomplete(inventory.NotCovered, 0, fmt.Sprintf("%s: %s is not read by this version; export it to a requirements.txt, or scan the installed environment", name, base))
		return m
	}
	m.incomplete(inventory.UnsupportedEcosystem, 0, fmt.Sprintf("%s: packages of %s are not read by this version", name, m.Ecosystem))
	return m
}
