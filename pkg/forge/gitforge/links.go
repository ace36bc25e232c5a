package gitforge

import (
	"path"
	"strings"
)

// leadsOut says whether a symbolic link of a commit leads out of the
// repository, be it through other links of the commit: whether the kernel,
// following it from within the checkout, would come to stand above its top.
// links are all of the commit's, by path. A link without end leads nowhere.
func leadsOut(name string, links map[string]string) bool {
	at := path.Dir(name) // where we stand; "." is the top
	todo := strings.Split(links[name], "/")
	if strings.HasPrefix(links[name], "/") {
		return true
	}
	for hops := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			if at == "." {
				return true
			}
			at = path.Dir(at)
			continue
		}
		next := path.Join(at, part)
		target, link := links[next]
		if !link {
			at = next
			continue
		}
		if strings.HasPrefix(target, "/") {
			return true
		}
		if hops++; hops > maxLinks {
			return false
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return false
}
