package proposal

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestGolden(t *testing.T) {
	for name, f := range map[string]Facts{
		"emergency":     emergency(),
		"thirty":        many(),
		"no-tests":      noTests(),
		"warned":        warned(),
		"flaky":         flaky(),
		"not-validated": notValidated(),
		"parked":        parked(),
		"rejected":      rejected(),
		"no-epss":       noEPSS(),
		"hostile":       hostile(),
		"merged":        merged(),
		"voided":        voided(),
		"superseded":    superseded(),
	} {
		t.Run(name, func(t *testing.T) { golden(t, name+".md", Title(f)+"\n\n"+Text(f)) })
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s differs (-update writes it anew); got\n%s", path, got)
	}
}
