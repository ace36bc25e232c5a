package pep508

import "testing"

func TestFinals(t *testing.T) {
	for in, want := range map[string]string{
		"":                                     "",
		"python_full_version <= '3.11.0a6'":    `python_full_version < "3.11.0"`,
		"python_full_version < '3.11.0a6'":     `python_full_version < "3.11.0"`,
		"python_full_version > '3.11.0a6'":     `python_full_version >= "3.11.0"`,
		"python_full_version >= '3.11.0.dev1'": `python_full_version >= "3.11.0"`,
		"python_version <= '3.11rc1'":          `python_version < "3.11"`,
		"extra == 'toml' and (python_full_version <= '3.11.0a6' or os_name == 'nt')": `extra == "toml" and (python_full_version < "3.11.0" or os_name == "nt")`,
		// as they are:
		"python_full_version <= '3.11.0'":               `python_full_version <= "3.11.0"`,
		"python_full_version == '3.11.0a6'":             `python_full_version == "3.11.0a6"`,
		"python_full_version != '3.11.0a6'":             `python_full_version != "3.11.0a6"`,
		"python_full_version ~= '3.11.0a6'":             `python_full_version ~= "3.11.0a6"`,
		"'3.11.0a6' >= python_full_version":             `"3.11.0a6" >= python_full_version`,
		"python_full_version <= '3.11.0.post1.dev1'":    `python_full_version <= "3.11.0.post1.dev1"`,
		"python_full_version <= '1!3.11.0a6'":           `python_full_version <= "1!3.11.0a6"`,
		"python_full_version in '3.11.0a6'":             `python_full_version in "3.11.0a6"`,
		"platform_release <= '3.11.0a6'":                `platform_release <= "3.11.0a6"`,
		"python_full_version <= implementation_version": `python_full_version <= implementation_version`,
	} {
		m, err := ParseMarker(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Finals().String(); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
		if m.Finals().String() != m.Finals().Finals().String() {
			t.Errorf("%s: not the same twice", in)
		}
	}
}

// TestFinalsAreAsTrue: on every final release the marker says what it said.
func TestFinalsAreAsTrue(t *testing.T) {
	pythons := []string{"3.10", "3.11", "3.12", "3.9.0", "3.10.0", "3.10.13", "3.11.0", "3.11.1", "3.11.2", "3.11.10", "3.12.0", "4.0.0"}
	for _, variable := range []string{"python_version", "python_full_version"} {
		for _, op := range []string{"<", "<=", ">", ">=", "==", "!=", "~="} {
			for _, version := range []string{"3.11.0a6", "3.11.0rc2", "3.11.0.dev3", "3.11.0a1.dev2", "3.11.2b1", "3.11a1", "3.11.0-A.6", "v3.11.0rc1", "3.12.0a1", "4a1", "3.11.0.post1.dev1", "3.11.0"} {
				m, err := ParseMarker(variable + " " + op + " '" + version + "'")
				if err != nil {
					t.Fatal(err)
				}
				for _, python := range pythons {
					env := Environment{Python: python, Platform: "linux", Machine: "x86_64"}
					if was, is := m.Holds(env, ""), m.Finals().Holds(env, ""); was != is {
						t.Errorf("%s on %s: %s, as %s: %s", m, python, was, m.Finals(), is)
					}
				}
			}
		}
	}
}
