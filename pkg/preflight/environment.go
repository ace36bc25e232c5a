package preflight

import "strings"

// markName is the variable by which the processes of one run are known, wherever they have gone.
const markName = "DRYDOCK_PREFLIGHT"

// roomPrefix begins the names of the folders commands run in; the mark follows.
const roomPrefix = "drydock-preflight-"

// defaultPath is for a process without PATH.
const defaultPath = "/usr/local/bin:/usr/bin:/bin"

// taken are the variables of this process a command gets: what programs need to be found, to find their own
// configuration in the home of Drydock's user, and to speak. It is a list of what may pass, for nobody can list the
// names under which all secrets stand.
var taken = []string{"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ"}

// environment is the whole environment of a command.
func environment(look func(string) (string, bool), room, mark string) []string {
	env := []string{markName + "=" + mark, "TMPDIR=" + room}
	for _, name := range taken {
		value, ok := look(name)
		if name == "PATH" && value == "" {
			value, ok = defaultPath, true
		}
		if ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// secretNames are parts of the names of variables whose values are secrets.
var secretNames = []string{"TOKEN", "PASSWORD", "PASSWD", "SECRET", "KEY", "CREDENTIAL"}

// secrets are values of this process's own environment that must not stand in a log. A command gets none of them;
// it runs with Drydock's rights, so it can come across them.
func secrets(environ []string) []string {
	var out []string
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		for _, part := range secretNames {
			if strings.Contains(strings.ToUpper(name), part) && len(value) >= shortestSecret {
				out = append(out, value)
				break
			}
		}
	}
	return out
}

// shortestSecret: a shorter value is more likely a word of the log than a secret somebody relies on.
const shortestSecret = 8
