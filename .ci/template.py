#!/usr/bin/env python3
"""Holds template.yaml, samconfig.toml, .env.example, docs/waf.yaml and .github to the rules of `*rules.py`.

    .ci/template.py               expand for dev, staging and prod, lint each, apply every rule
    .ci/template.py --self-test   break the template in ways that each rule has to notice

Linters do not look inside SAM resources, so the template is expanded first. A rule that cannot fail holds nothing,
so each rule comes with edits of the template as it is written, and each of them has to make that rule speak.
"""

import sys
from concurrent.futures import ProcessPoolExecutor

sys.dont_write_bytecode = True

import front_rules  # noqa: F401 - adds its rules to the others
import mail_rules  # noqa: F401 - adds its rules to the others
import observe_rules  # noqa: F401 - and these too
import workflow_rules  # noqa: F401 - and these
from expand import Project, Stack
from rules import RULES, sentence

STAGES = ("dev", "staging", "prod")
BREAKS = [(check, apply) for check, breaks in RULES for apply in breaks]


def check_all():
    failures = 0
    project = Project()
    for stage in STAGES:
        stack = Stack(project, stage)
        for check, _ in RULES:
            for resource, problem in check(stack):
                failures += 1
                print(f"{stage}: {resource}: {problem}\n    rule: {sentence(check)}")
    print(f"template: {len(RULES)} rules, {len(STAGES)} stages, {failures} failures")
    return failures


def is_noticed(number):
    """Applies one break of all and asks its rule."""
    check, apply = BREAKS[number]
    project = Project()
    apply(project)
    return bool(list(check(Stack(project, "prod"))))


def self_test():
    """Breaks the template, once for each break of each rule, and requires that rule to notice."""
    for check, breaks in RULES:
        assert breaks, f"{sentence(check)}: nothing breaks it"
    with ProcessPoolExecutor() as pool:
        noticed = list(pool.map(is_noticed, range(len(BREAKS))))
    for (check, apply), seen in zip(BREAKS, noticed, strict=True):
        if not seen:
            print(f"not noticed: {apply.__name__}\n    rule: {sentence(check)}")
    print(f"self-test: {len(BREAKS)} breaks of {len(RULES)} rules, {noticed.count(False)} not noticed")
    return noticed.count(False)


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            sys.exit(1 if check_all() else 0)
        case ["--self-test"]:
            sys.exit(1 if self_test() else 0)
        case _:
            sys.exit(__doc__)
