"""Writes the page on what the book says of static and dynamic graphs.

test/capabilities/claims.json holds the rows of the book's Table B-1 and the
claims SG, DG and M with the tests that show each: "Suite.Test" of GoogleTest,
"lit: file", "ctest: name"; and_all: all tests whose suite begins so. All of
them must exist, and none may have failed. What did not run is said to be so.
"table": a table that belongs to the claim, from what etch-programs has written
into programs*.json. The errors of the elementary functions stand below those.
"""

import argparse
import glob
import html
import json
import os
import subprocess

import results
import tree

arguments = argparse.ArgumentParser()
for name in ("claims", "source", "results", "out"):
    arguments.add_argument("--" + name, required=True)
arguments.add_argument("--build", default="", help="where ctest knows its tests")
arguments.add_argument("--programs", default="", help="where programs*.json may be")
options = arguments.parse_args()

data = results.read(options.claims)
claims = {claim["id"]: claim for claim in data["claims"]}
problems = []


def registered():
    """The names of ctest's tests, or nothing without a build."""
    if not options.build:
        return None
    listing = subprocess.run(["ctest", "--show-only=json-v1"], cwd=options.build,
                             check=True, capture_output=True, text=True)
    return {test["name"] for test in json.loads(listing.stdout)["tests"]}


# How each test went; parameters are left out of a name, the worst of them counts.
WORST = ["failed", "skipped", "passed"]
states, units, entries = {}, tree.tests(options.source), registered()
for name, _, state, _ in results.all_tests(options.results, options.source):
    if not name.startswith(("ctest: ", "lit: ")):
        parts = name.split(": ", 1)[1].split("/")
        name = next((part for part in parts if "." in part), parts[0])
    before = states.get(name, "passed")
    states[name] = min(state, before, key=WORST.index)


def exists(name):
    kind, _, rest = name.rpartition(": ")
    if kind == "lit":
        return os.path.exists(os.path.join(options.source, "test", rest))
    if kind == "ctest":
        return entries is None or rest in entries
    return name in units


def evidence(claim):
    """[(test, state)] of a claim; complains about what is not as it should."""
    names = list(claim.get("shown_by", []))
    prefix = claim.get("and_all")
    if prefix:
        names += sorted(name for name in units if name.startswith(prefix))
    if not names and not claim.get("not_yet"):
        problems.append(f"{claim['id']}: no test shows it")
    found = []
    for name in names:
        state = states.get(name, "not run")
        if not exists(name):
            problems.append(f"{claim['id']}: there is no test {name}")
            state = "missing"
        elif state == "failed":
            problems.append(f"{claim['id']}: {name} failed")
        found.append((name, state))
    return found


shown = {identity: evidence(claim) for identity, claim in claims.items()}
for family, count in data["families"].items():
    wanted = {f"{family}-{i + 1}" for i in range(count)}
    problems += [f"{identity} is missing" for identity in sorted(wanted - set(claims))]
for row in data["table"]:
    problems += [f"'{row['text']}' names {identity}, which is no claim"
                 for identity in row["claims"] if identity not in claims]


# Rows of etch-programs, the fuller ones where several files have a program.
programs = {}
for path in sorted(glob.glob(os.path.join(options.programs, "programs*.json"))):
    for name, row in results.read(path).items():
        if "times" in row or name not in programs:
            programs[name] = row


def megabytes(count):
    return f"{count / 1e6:,.3f}"


def memory_table():
    yield ["program", "planned (MB)", "largest live set", "ratio", "saved for backward",
           "all values kept", "share"]
    for row in programs.values():
        yield [row["title"], megabytes(row["planned"]), megabytes(row["bound"]),
               f"{row['ratio']:.3f}", megabytes(row["saved"]), megabytes(row["everything"]),
               f"{row['planned'] / row['everything']:.1%}"]


def times_table():
    timed = [row for row in programs.values() if "times" in row]
    phases = list(dict.fromkeys(phase for row in timed for phase in row["times"]["phases"]))
    yield ["program", "from", "trace (ms)", *phases, "all but the trace"]
    for row in timed:
        for times in (row["times"], row["again"]):
            yield [row["title"], times["origin"], f"{times['trace']:.1f}",
                   *(f"{times['phases'][phase]:.1f}" if phase in times["phases"] else ""
                     for phase in phases), f"{times['total']:.1f}"]


def ulps_table():
    """What EtchMathTests have recorded."""
    yield ["function", "type", "arguments", "largest error (ULP)", "at", "ns each"]
    for path in sorted(glob.glob(os.path.join(options.results, "*.gtest.json"))):
        for suite in results.read(path).get("testsuites", []):
            for test in suite.get("testsuite", []):
                if "max_ulps" in test:
                    yield [test[key] for key in ("function", "type", "arguments", "max_ulps",
                                                 "worst_at", "nanoseconds")]


PROGRAMS = ("As <code>etch-programs --cold --json programs.json</code> in the build folder has "
            "found them; names of programs behind it choose some.")
TABLES = {"memory": ("Memory of whole training steps", memory_table, PROGRAMS),
          "times": ("Compile times, cold and cached", times_table, PROGRAMS),
          "ulps": ("Errors of the elementary functions", ulps_table,
                   "Against references of more digits, as <code>EtchMathTests</code> has found "
                   "them in this build: samples of all f32, random f64; on one vector at a time.")}


def table(identity):
    title, rows, source = TABLES[identity]
    yield f'<h2 id="{identity}">{title}</h2><p>{source}</p><table>'
    for i, row in enumerate(rows()):
        yield "<tr>" + "".join(f"<{'td' if i else 'th'}>{html.escape(text)}" for text in row)
    yield "</table>"


problems += [f"{identity}: there is no table '{claim['table']}'"
             for identity, claim in claims.items() if claim.get("table", "times") not in TABLES]


def verdict(identity):
    if claims[identity].get("not_yet"):
        return "not yet"
    found = {state for _, state in shown[identity]}
    return next((state for state in ("missing", "failed", "not run", "skipped")
                 if state in found), "shown")


def cell(identity):
    return (f'<a class="{verdict(identity).replace(" ", "-")}" href="#{identity}">'
            f"{identity}</a>")


page = ["""<!DOCTYPE html><html lang="en"><meta charset="utf-8">
<title>Static and dynamic graphs</title>
<style>body { font: 16px/1.4 sans-serif; max-width: 70em; margin: 2em auto }
td, th { text-align: left; vertical-align: top; padding: .2em .8em .2em 0 }
tr { border-bottom: 1px solid #ccc } table { border-collapse: collapse }
td code { display: block } .shown { color: #060 } .not-yet, .skipped { color: #850 }
.failed, .missing { color: #b00 } .not-run { color: #666 }</style>
<h1>What static and dynamic graphs are good and bad at</h1>
<p>Table B-1 of the book, row by row: the merits that Etch keeps and the demerits
that it removes, with the tests that show it and how they went in this build.</p>
<table><tr><th>graphs<th>in the book<th>in Etch<th>claims"""]
WORDS = {"merit": "kept", "demerit": "removed"}
for row in data["table"]:
    verdicts = {verdict(identity) for identity in row["claims"] if identity in claims}
    word = next((v for v in ("missing", "failed", "not yet", "not run", "skipped")
                 if v in verdicts), WORDS[row["is"]])
    page.append(f"<tr><td>{row['of']}<td>{row['is']}: {html.escape(row['text'])}"
                f"<td>{word}<td>"
                + " ".join(cell(identity) for identity in row["claims"]
                           if identity in claims))
page.append("</table><h2>The claims</h2><table><tr><th><th>claim<th><th>tests")
for identity, claim in claims.items():
    word = verdict(identity)
    if claim.get("table"):
        claim["link"] = f'<a href="#{claim["table"]}">table</a>'
    tests = "".join(f'<code class="{state.replace(" ", "-")}">{html.escape(name)}'
                    + ("" if state == "passed" else f": {state}") + "</code>"
                    for name, state in shown[identity]) + claim.get("link", "")
    page.append(f'<tr id="{identity}"><td>{identity}<td>{html.escape(claim["text"])}'
                f'<td class="{word.replace(" ", "-")}">{word}'
                f'<td>{tests or html.escape(claim["not_yet"])}')
page.append("</table>")
for identity in TABLES:
    page += table(identity)
page.append("</html>")
with open(options.out, "w", encoding="utf-8") as f:
    f.write("\n".join(page) + "\n")

count = {}
for identity in claims:
    count[verdict(identity)] = count.get(verdict(identity), 0) + 1
print(f"claims: {len(claims)}, "
      + ", ".join(f"{n} {word}" for word, n in sorted(count.items())))
tree.finish("claims", problems, f"{sum(map(len, shown.values()))} tests")
