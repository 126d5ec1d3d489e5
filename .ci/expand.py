"""Reads template.yaml and expands it for a stage, as CloudFormation would, without a call to AWS."""

import copy
import json
import logging
import os
import re
import tomllib
from pathlib import Path

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # read while the modules below load
logging.disable(logging.CRITICAL)

import boto3
import yaml
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

ROOT = Path(__file__).resolve().parent.parent
REMOVED = object()
SESSION = boto3.Session(region_name="us-east-1")  # tells the translator a region; calls nothing
BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"


class CloudFormationLoader(yaml.SafeLoader):
    """YAML with `!Ref` and its kind."""


def _tag(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


CloudFormationLoader.add_multi_constructor("!", _tag)


class Project:
    """The files, as they are; a break edits a copy."""

    def __init__(self):
        self.template = yaml.load((ROOT / "template.yaml").read_text(), CloudFormationLoader)
        self.front = yaml.load((ROOT / "docs/waf.yaml").read_text(), CloudFormationLoader)
        github = ROOT / ".github"
        self.workflows = {path.name: yaml.safe_load(path.read_text()) for path in (github / "workflows").glob("*.yml")}
        self.dependabot = yaml.safe_load((github / "dependabot.yml").read_text())
        self.samconfig = tomllib.loads((ROOT / "samconfig.toml").read_text())
        self.example = (ROOT / ".env.example").read_text()


UNTOUCHED = set()
EXPANDED = {}


def expand(source, parameters):
    """What SAM makes of a template. That takes seconds, so it is kept: what SAM left alone the first time, resources of CloudFormation's
    that name none of its own, is put into what it made of all the rest."""
    rest = {name: resource for name, resource in source["Resources"].items() if name not in UNTOUCHED}
    key = json.dumps([{**source, "Resources": rest}, parameters], sort_keys=True, default=str)
    if key not in EXPANDED:
        translator = Translator({}, Parser(), boto_session=SESSION)
        expanded = translator.translate(copy.deepcopy(source), dict(parameters))
        if not UNTOUCHED:
            same = (name for name, one in source["Resources"].items() if expanded["Resources"].get(name) == one)
            UNTOUCHED.update(same)
            return expanded
        EXPANDED[key] = expanded
    made = {name: one for name, one in copy.deepcopy(EXPANDED[key]["Resources"]).items() if name not in UNTOUCHED}
    untouched = {name: one for name, one in source["Resources"].items() if name in UNTOUCHED}
    return {**EXPANDED[key], "Resources": {**made, **untouched}}


class Stack:
    """The template as one stage deploys it: expanded, conditions decided, parameters filled in."""

    def __init__(self, project, stage):
        self.project, self.stage = project, stage
        source = copy.deepcopy(project.template)
        given = {"Stage": stage, "PermissionsBoundaryArn": BOUNDARY}
        self.parameters = {name: given.get(name, p.get("Default", "")) for name, p in source["Parameters"].items()}
        for _, function in functions_as_written(source):
            function["CodeUri"] = "s3://bucket/key"  # what `sam deploy` puts there
        source["Globals"]["Function"].pop("CodeUri", None)
        self.expanded = expand(source, self.parameters)
        self.resources = {
            name: self.resolve(resource)
            for name, resource in self.expanded["Resources"].items()
            if "Condition" not in resource or self.holds(resource["Condition"])
        }

    def holds(self, condition):
        if isinstance(condition, str):
            return self.holds(self.expanded["Conditions"][condition])
        [(function, values)] = condition.items()
        match function:
            case "Fn::Equals":
                left, right = map(self.resolve, values)
                return str(left) == str(right)
            case "Fn::Not":
                return not self.holds(values[0])
            case "Fn::And":
                return all(map(self.holds, values))
            case "Fn::Or":
                return any(map(self.holds, values))
            case "Condition":
                return self.holds(values)
        raise ValueError(f"a condition with {function}")

    def resolve(self, value):
        """Decides every `!If`, fills in parameters and mappings, and leaves references to resources alone."""
        match value:
            case {"Ref": "AWS::NoValue"}:
                return REMOVED
            case {"Ref": str(name)} if name in self.parameters:
                return self.parameters[name]
            case {"Fn::If": [condition, then, otherwise]}:
                return self.resolve(then if self.holds(condition) else otherwise)
            case {"Fn::FindInMap": [name, first, second]}:
                return self.expanded["Mappings"][name][self.resolve(first)][self.resolve(second)]
            case dict():
                resolved = {key: self.resolve(item) for key, item in value.items()}
                return {key: item for key, item in resolved.items() if item is not REMOVED}
            case list():
                return [item for item in map(self.resolve, value) if item is not REMOVED]
        return value

    def with_parameters(self, **given):
        """The same with other parameters, for what is not expanded: `text` and `is_refused`."""
        other = copy.copy(self)
        other.parameters = {**self.parameters, **given}
        return other

    def text(self, value):
        """The text that a value of the template as it is written will have. What only AWS knows stays as it is."""
        match value:
            case {"Ref": str(name)}:
                return str(self.parameters.get(name, "${" + name + "}"))
            case {"Fn::Sub": [str(pattern), dict(names)]}:
                return re.sub(r"\$\{(\w+)\}", lambda found: self.text(names.get(found[1], {"Ref": found[1]})), pattern)
            case {"Fn::Sub": str(pattern)}:
                return self.text({"Fn::Sub": [pattern, {}]})
            case {"Fn::Select": [index, {"Fn::Split": [separator, whole]}]}:
                return self.text(whole).split(separator)[int(index)]
        return str(value)

    def is_refused(self):
        """Whether the template's own rules refuse a deployment with these parameters."""
        rules = self.project.template.get("Rules", {}).values()
        return not all(self.holds(each["Assert"]) for rule in rules for each in rule["Assertions"])

    def of(self, kind):
        """(logical id, properties) of every resource of a type."""
        return [(n, r.get("Properties", {})) for n, r in self.resources.items() if r["Type"] == f"AWS::{kind}"]

    def function_behind(self, reference):
        """The function that an alias, or a reference to it, leads to."""
        name = target(reference)
        resource = self.resources.get(name, {})
        if resource.get("Type") in ("AWS::Lambda::Alias", "AWS::Lambda::Version"):
            return self.function_behind(resource["Properties"]["FunctionName"])
        return name

    def queue_sources(self):
        """(event source mapping, queue, function, the mapping's properties)"""
        queues = dict(self.of("SQS::Queue"))
        for name, source in self.of("Lambda::EventSourceMapping"):
            queue = target(source["EventSourceArn"])
            if queue in queues:
                yield name, queue, self.function_behind(source["FunctionName"]), source

    def dead_letter_queues(self):
        """Queues that letters go to: of other queues, and of schedules."""
        letters = {target(queue.get("RedrivePolicy", {}).get("deadLetterTargetArn")) for _, queue in self.of("SQS::Queue")}
        for _, schedule in self.of("Scheduler::Schedule"):
            letters.add(target(schedule["Target"].get("DeadLetterConfig", {}).get("Arn")))
        return letters & set(dict(self.of("SQS::Queue")))

    def metrics_of(self, alarm):
        """What an alarm looks at: one metric or, where it computes, several."""
        if "Metrics" in alarm:
            return [part["MetricStat"]["Metric"] for part in alarm["Metrics"] if "MetricStat" in part]
        return [alarm]

    def statements(self, effect="Allow"):
        """(role, statement) of every policy that is attached to a role."""
        for role, properties in self.of("IAM::Role"):
            for policy in properties.get("Policies", []):
                for statement in as_list(policy["PolicyDocument"]["Statement"]):
                    if statement["Effect"] == effect:
                        yield role, statement

    def rows(self):
        """(function, METHOD, path) of every route, as written."""
        for name, function in functions_as_written(self.project.template):
            for event in function.get("Events", {}).values():
                if event["Type"] == "HttpApi":
                    yield name, event["Properties"]["Method"].upper(), event["Properties"]["Path"]


def functions_as_written(template):
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            yield name, resource["Properties"]


def as_list(value):
    return value if isinstance(value, list) else [] if value is None else [value]


def target(reference):
    """The logical id that `!Ref`, `!GetAtt` or `!Sub` names first."""
    match reference:
        case {"Ref": name}:
            return name
        case {"Fn::GetAtt": [name, *_]}:
            return name
        case {"Fn::Sub": [pattern, *_]} | {"Fn::Sub": str(pattern)}:
            found = re.search(r"\$\{(\w+)", pattern)
            return found and found[1]
    return reference if isinstance(reference, str) else None
