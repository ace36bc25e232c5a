# What stands in for pytest where no index can be reached: it collects and runs as little as the tests need, with the
# exit codes of pytest 8 and its JUnit report, attribute for attribute.
import importlib.util, os, shlex, sys, time, traceback
from xml.sax.saxutils import escape, quoteattr


class Skipped(Exception):
    pass


def report(path, cases):
    bad = {"failure": 0, "error": 0, "skipped": 0}
    body = ""
    for classname, name, kind, message, text in cases:
        case = "<testcase classname=%s name=%s time=\"0.001\"" % (quoteattr(classname), quoteattr(name))
        if kind:
            bad[kind] += 1
            body += case + "><%s message=%s>%s</%s></testcase>" % (kind, quoteattr(message), escape(text), kind)
        else:
            body += case + " />"
    with open(path, "w", encoding="utf-8") as f:
        f.write('<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" errors="%d" failures="%d" skipped="%d" tests="%d" time="0.012" timestamp="2026-01-01T00:00:00.000000+00:00" hostname="dock">%s</testsuite></testsuites>'
                % (bad["error"], bad["failure"], bad["skipped"], len(cases), body))


def main(args):
    args = shlex.split(os.environ.get("PYTEST_ADDOPTS", "")) + args
    junit = [a.split("=", 1)[1] for a in args if a.startswith("--junitxml=")]
    unknown = [a for a in args if a.startswith("-") and not a.startswith("--junitxml=") and a != "-q"]
    if unknown:
        print("ERROR: usage: pytest [options]\npytest: error: unrecognized arguments: " + " ".join(unknown), file=sys.stderr)
        return 4
    where = [a for a in args if not a.startswith("-")] or ["."]
    files = [os.path.relpath(os.path.join(d, f)) for w in where for d, _, fs in os.walk(w) for f in fs if f.startswith("test_") and f.endswith(".py")]
    cases, failed, broken = [], 0, 0
    sys.path.insert(0, os.getcwd())
    for f in sorted(files):
        module = f[:-3].replace(os.sep, ".")
        try:
            spec = importlib.util.spec_from_file_location(module, f)
            loaded = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(loaded)
        except Exception:
            broken += 1
            cases.append(("", module, "error", "collection failure", traceback.format_exc()))
            continue
        for name, function in sorted(vars(loaded).items()):
            if not name.startswith("test_"):
                continue
            try:
                function()
                cases.append((module, name, None, "", ""))
            except Exception as e:
                if type(e).__name__ == "Skipped":
                    cases.append((module, name, "skipped", str(e), str(e)))
                    continue
                failed += 1
                cases.append((module, name, "failure", "%s: %s" % (type(e).__name__, e), traceback.format_exc()))
    if junit:
        report(junit[-1], cases)
    print("%d failed, %d errors, %d in all" % (failed, broken, len(cases)))
    return 2 if broken else 1 if failed else 0 if cases else 5


def console():
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
