# Compares what the requirements reader found with pip's own parser. Standard input: a JSON list of
# {path, found: [{line, name, specifier, marker, hashes, extras, reference}], includes: [{line, value}], told: [line]}.
# Standard output: {pip, lines, differences: [text]}. Exit 3: this Python has no pip.
import json, logging, posixpath, re, sys, warnings

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)
try:
    import pip
    from pip._internal.req.req_file import get_file_content, get_line_parser, preprocess
    from pip._internal.req.constructors import install_req_from_editable, install_req_from_line
    from pip._vendor.packaging.markers import Marker
    from pip._vendor.packaging.utils import canonicalize_name
except ImportError:
    sys.exit(3)


def squeeze(text):
    return ",".join(sorted(re.sub(r"\s+", "", part) for part in text.split(",") if part.strip()))


def marker(text):
    return str(Marker(text)) if text else ""


def expected(line, parse):
    """What pip takes a logical line for: None (an error), ("include", value) or ("package", ...)."""
    try:
        args, opts = parse(line)
        if not args and not opts.editables:
            wanted = list(opts.requirements or []) + list(opts.constraints or [])
            return ("include", wanted[0]) if wanted else ("option",)
        if args:
            req = install_req_from_line(args)
        else:
            req = install_req_from_editable(opts.editables[0])
    except BaseException as e:
        return ("error", type(e).__name__)
    if req.link is not None or req.req is None:
        return ("link", canonicalize_name(req.req.name) if req.req is not None else "")
    hashes = sorted(f"{a}:{d.lower()}" for a, ds in ((opts.hashes or {}).items() if args and hasattr(opts, "hashes") else ()) for d in ds)
    return ("package", canonicalize_name(req.req.name), squeeze(str(req.req.specifier)), str(req.markers or req.req.marker or ""),
            hashes, sorted(canonicalize_name(e) for e in req.extras))


def main():
    differences, lines, alike = [], 0, 0
    parse = get_line_parser(None)
    for case in json.load(sys.stdin):
        by_line, told = {}, set(case["told"])
        for p in case["found"]:
            by_line.setdefault(p["line"], []).append(p)
        includes = {i["value"] for i in case["includes"]}  # each file once, on the first line that names it
        try:
            _, content = get_file_content(case["path"], None)
        except BaseException as e:
            if case["found"]:
                differences.append(f"{case['path']}: pip can't read it ({type(e).__name__}), found {case['found']}")
            continue
        seen = {}
        for number, line in preprocess(content):
            seen.setdefault(case["numbers"].get(str(number), number), []).append(line)
        for number, texts in seen.items():
            for text in texts:
                lines += 1
                want, got = expected(text, parse), by_line.get(number, [])
                where = f"{case['path']}:{number}: {text!r}: pip {want}, found {got}"
                if want[0] == "include":
                    if number not in told and posixpath.normpath(want[1]) not in includes:
                        differences.append(where)
                elif want[0] == "link":
                    if number not in told:
                        differences.append(where)
                elif want[0] == "package":
                    same = [p for p in got if (p["name"], squeeze(p["specifier"]), marker(p["marker"]), sorted(p["hashes"]), sorted(p["extras"])) == want[1:] and not p["reference"]]
                    alike += bool(same)
                    if not same and number not in told:
                        differences.append(where)
                elif got and want[0] == "option":
                    differences.append(where)
                elif want[0] == "error" and got and number not in told:
                    differences.append("lenient " + where)
        for number in by_line:
            if number not in seen:
                differences.append(f"{case['path']}:{number}: pip sees no line here, found {by_line[number]}")
    json.dump({"pip": pip.__version__, "lines": lines, "alike": alike, "differences": differences}, sys.stdout)


main()
