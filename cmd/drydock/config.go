package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/drydock-dev/drydock/pkg/telemetry"
	"github.com/drydock-dev/drydock/services/gateway"
	"github.com/drydock-dev/drydock/services/planner"
	"github.com/drydock-dev/drydock/services/scanner"
	"github.com/drydock-dev/drydock/services/validator"
)

// Config is the one configuration file. Everything has a default: no file is needed.
type Config struct {
	// Data is the data directory of the embedded log; --data is stronger. Whoever can write there can change
	// history.
	Data string `yaml:"data"`
	// Policy is a policy file laid over the built-in one. Whoever can write it sets every deadline.
	Policy string `yaml:"policy"`
	// Applications is the file that declares the applications; default applications.yaml beside this one.
	// Whoever can write it decides what code runs where, and who must agree.
	Applications string           `yaml:"applications"`
	NATS         NATSConfig       `yaml:"nats"`
	Advisory     AdvisoryConfig   `yaml:"advisory"`
	Index        IndexConfig      `yaml:"index"`
	UV           UVConfig         `yaml:"uv"`
	Gateway      gateway.Config   `yaml:"gateway"`
	Scanner      scanner.Config   `yaml:"scanner"`
	Planner      planner.Config   `yaml:"planner"`
	Validator    validator.Config `yaml:"validator"`
	Git          GitConfig        `yaml:"git"`
	Telemetry    telemetry.Config `yaml:"telemetry"`
}

// NATSConfig names an external NATS; without a URL the server runs in this process.
type NATSConfig struct {
	URL      string `yaml:"url"`       // nats://host:4222, several with commas; tls:// for TLS
	Creds    string `yaml:"creds"`     // credentials file; who holds it can append events
	MaxBytes int64  `yaml:"max_bytes"` // of the event log; 0: the default
}

// AdvisoryConfig says where advisories come from. Whoever controls these can hide vulnerabilities.
type AdvisoryConfig struct {
	Mirror string `yaml:"mirror"` // instead of OSV's public bucket
	KEV    string `yaml:"kev"`    // file or URL of CISA's list of known exploited vulnerabilities
	EPSS   string `yaml:"epss"`   // file or URL of the EPSS scores
}

// UVConfig is the resolver. Whoever controls the program decides what is planned; it runs without the network,
// on files of Drydock's own making.
type UVConfig struct {
	Path string `yaml:"path"` // the program; default uv on PATH, else fetched once from the package index and held to a digest
}

// IndexConfig says where packages come from. Whoever controls an index decides which versions exist.
type IndexConfig struct {
	// URL is the simple API of the one index; default the Python Package Index. DRYDOCK_INDEX_USERNAME and
	// DRYDOCK_INDEX_PASSWORD are its credentials.
	URL string `yaml:"url"`
	// Netrc has credentials by host, for the indexes and the hosts their files lie on; default ~/.netrc.
	Netrc string `yaml:"netrc"`
	// Sources are several indexes instead of URL, the highest priority first: the first that knows a name answers
	// for it alone, and one that fails is never skipped. Whoever controls the first decides for all names.
	Sources []IndexSource `yaml:"sources"`
}

const maxConfig = 1 << 20

func defaultConfig() Config {
	return Config{Gateway: gateway.Default(), Scanner: scanner.Default(), Planner: planner.Default(), Validator: validator.Default()}
}

// loadConfig reads --config, or the user's configuration where there is one.
func (c *cli) loadConfig() (Config, error) {
	cfg := defaultConfig()
	path, given := c.opt.config, c.opt.config != ""
	if !given {
		dir := c.userDir("XDG_CONFIG_HOME", ".config")
		if dir == "" {
			return cfg, nil
		}
		path = filepath.Join(dir, "config.yaml")
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) && !given {
		return cfg, nil
	}
	if err != nil {
		return cfg, usage("read the configuration: %w", err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return cfg, usage("read the configuration %s: %w", path, err)
	}
	if len(data) > maxConfig {
		return cfg, usage("configuration %s is larger than %d bytes; is it the right file?", path, maxConfig)
	}
	if err := decodeConfig(data, &cfg); err != nil {
		return cfg, usage("configuration %s: %w", path, err)
	}
	return cfg, nil
}

// decodeConfig is strict: a key that does not exist is a mistake, named with its line.
func decodeConfig(data []byte, cfg *Config) error {
	err := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(cfg)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s", strings.Join(strings.Fields(yaml.FormatError(err, false, false)), " "))
	}
	return errors.Join(cfg.Index.Validate(), cfg.Gateway.Validate(), cfg.Scanner.Validate(), cfg.Planner.Validate(), cfg.Validator.Validate(), cfg.Git.Validate(), cfg.Telemetry.Validate())
}

// userDir is the user's folder of a kind (XDG base directories; on macOS Apple's) with drydock's name; ""
// when there is no home.
func (c *cli) userDir(variable, below string) string {
	if dir := c.getenv(variable); filepath.IsAbs(dir) {
		return filepath.Join(dir, "drydock")
	}
	home := c.getenv("HOME")
	if home == "" {
		return ""
	}
	if runtime.GOOS == "darwin" {
		below = map[string]string{".cache": "Library/Caches"}[below]
		if below == "" {
			below = "Library/Application Support"
		}
	}
	return filepath.Join(home, below, "drydock")
}

// dataDir is the data directory: --data, the configuration's, or the user's.
func (c *cli) dataDir() (string, error) {
	dir := c.opt.data
	if dir == "" {
		dir = c.cfg.Data
	}
	if dir == "" {
		dir = c.userDir("XDG_DATA_HOME", ".local/share")
	}
	if dir == "" {
		return "", usage("there is no home directory, so no place for data; name one with --data DIR")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", surroundings("find out where %s is: %w", dir, err)
	}
	return abs, nil
}

// cacheDir is where what can be made again is kept; "" for nowhere.
func (c *cli) cacheDir() string { return c.userDir("XDG_CACHE_HOME", ".cache") }
