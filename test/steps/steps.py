"""Runs the steps of the book and holds what they print against the book's figures.

steps.py PROGRAMS FIGURES OUT [--perturb] [step01 ...]

A step prints `name: value`. FIGURES says for each step in which ways it is
computed and which values it must print: a number is exact (true and false are
yes and no), a list has one value for each number, a text is that text, and an
object is one of
  {"is": value, "ulp": n}    n units in the last place, for each number
  {"is": value, "rel": r}    |actual - value| <= r |value|
  {"is": value, "abs": a}
  {"from": low, "to": high}  either end may be absent
OUT gets a table of all steps, as JSON. With --perturb, every figure that agreed
must disagree once its expected value is changed by a little more than allowed.
"""

import concurrent.futures
import json
import math
import os
import subprocess
import sys
import time

words = [w for w in sys.argv[1:] if not w.startswith("--")]
programs, figures, out = words[:3]
perturb = "--perturb" in sys.argv
with open(figures, encoding="utf-8") as f:
    expected = {k: v for k, v in json.load(f).items() if k.startswith("step")}
if words[3:]:
    expected = {k: v for k, v in expected.items() if k in words[3:]}


def numbers(text):
    try:
        return [float(word) for word in text.split()]
    except ValueError:
        return None


def agrees(text, figure):
    """Whether the printed text is what the figure says."""
    if isinstance(figure, bool):
        return text == ("yes" if figure else "no")
    if isinstance(figure, str):
        return text == figure
    actual = numbers(text)
    if actual is None:
        return False
    rule = figure if isinstance(figure, dict) else {"is": figure}
    if "is" not in rule:
        return len(actual) > 0 and all(
            rule.get("from", -math.inf) <= a <= rule.get("to", math.inf) for a in actual)
    wanted = rule["is"] if isinstance(rule["is"], list) else [rule["is"]]
    return len(actual) == len(wanted) and all(
        abs(a - w) <= rule.get("ulp", 0) * math.ulp(w) + rule.get("rel", 0) * abs(w)
        + rule.get("abs", 0) for a, w in zip(actual, wanted))


def perturbed(figure):
    """The figure, changed so that what agreed with it no longer does."""
    if isinstance(figure, bool):
        return not figure
    if isinstance(figure, str):
        return figure + "?"
    rule = dict(figure) if isinstance(figure, dict) else {"is": figure}
    if "is" not in rule:
        return {"from": math.inf}
    last = rule["is"][-1] if isinstance(rule["is"], list) else rule["is"]
    last += 4 * (max(rule.get("ulp", 0), 1) * math.ulp(last)
                 + rule.get("rel", 0) * abs(last) + rule.get("abs", 0))
    rule["is"] = rule["is"][:-1] + [last] if isinstance(rule["is"], list) else last
    return rule


def run(step):
    """What the step printed, whether it ended well, and how long it took."""
    start = time.monotonic()
    try:
        done = subprocess.run([os.path.join(programs, step)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=300)
        lines, status = done.stdout.splitlines() + done.stderr.splitlines(), done.returncode
    except (OSError, subprocess.TimeoutExpired) as e:
        lines, status = [str(e)], -1
    printed = dict(line.split(": ", 1) for line in lines if ": " in line)
    return {"printed": printed, "status": status, "lines": lines,
            "seconds": round(time.monotonic() - start, 2)}


def problems_of(step, result):
    """What is wrong with a run, in words."""
    rules, printed, problems = expected[step], result["printed"], []
    if result["status"] != 0:
        problems.append(f"ended with status {result['status']}: "
                        + "; ".join(result["lines"][-3:]))
    if rules["ways"] != "eager" and printed.get(rules["ways"]) != "yes":
        problems.append(f"{rules['ways']} is {printed.get(rules['ways'], 'not shown')}")
    for name, figure in rules["figures"].items():
        text = printed.get(name)
        if text is None or not agrees(text, figure):
            problems.append(f"{name} is {text}, not {json.dumps(figure)}")
    return problems


with concurrent.futures.ThreadPoolExecutor(2) as pool:
    results = dict(zip(expected, pool.map(run, expected)))

failures, table = 0, {}
for step, result in results.items():
    problems = problems_of(step, result)
    if perturb and not problems:
        for name, figure in expected[step]["figures"].items():
            if agrees(result["printed"][name], perturbed(figure)):
                problems.append(f"{name}: a wrong figure was not noticed")
    failures += bool(problems)
    ways = expected[step]["ways"].split("=")
    marks = [way if way in ways else "-" * len(way)
             for way in ("eager", "compiled", "exported")]
    shown = {name: result["printed"].get(name) for name in expected[step]["figures"]}
    table[step] = {"ways": ways, "agree": not problems, "figures": shown,
                   "seconds": result["seconds"], "problems": problems}
    text = "; ".join(f"{name} {value}" for name, value in shown.items())
    print(f"{step} {' '.join(marks)} {'ok    ' if not problems else 'FAILED'} "
          f"{result['seconds']:6.2f} s  {text[:300]}")
    for problem in problems:
        print(f"    {step}: {problem}")

missing = sorted({f"step{i:02}" for i in range(1, 61)} - set(expected)) \
    if not words[3:] else []
with open(out, "w", encoding="utf-8") as f:
    json.dump({"steps": table, "missing": missing}, f, indent=1)
    f.write("\n")
print(f"{len(table) - failures} of {len(table)} steps run and agree"
      + (f"; without figures: {' '.join(missing)}" if missing else ""))
sys.exit(1 if failures or missing or not table else 0)
