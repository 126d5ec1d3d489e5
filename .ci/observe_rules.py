"""The rules about what is observed: what alarms say and look at, what the dashboard shows, and where traces go."""

import json
import re

from expand import ROOT, target
from rules import at, rule

NAMESPACE = "AIFoundry"


def _stale_dashboard(project):
    dashboard = project.template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]
    dashboard["Fn::Sub"] = dashboard["Fn::Sub"].replace('"DeliveriesParked"', '"DeliveriesParkd"')


def _broken_dashboard(project):
    dashboard = project.template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]
    dashboard["Fn::Sub"] = dashboard["Fn::Sub"].replace('"widgets": [', '"widgets": [,')


def _no_function_on_the_dashboard(project):
    dashboard = project.template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]
    dashboard["Fn::Sub"] = dashboard["Fn::Sub"].replace("${SweeperFunction}", "${MailerFunction}")


@rule(
    at("ApiLatencyAlarm|Properties|AlarmDescription", "Calls are slow."),
    at("ApiLatencyAlarm|Properties|AlarmDescription"),
)
def an_alarm_says_what_to_do_first(stack):
    """Whoever is woken by it has the mail and nothing else."""
    for name, alarm in stack.of("CloudWatch::Alarm"):
        if not re.search(r"[.;] First look ", alarm.get("AlarmDescription", "")):
            yield name, "its description has no sentence that begins with `First look`"


@rule(
    at("SweeperLagAlarm|Properties|Dimensions|0"),
    at("SweeperLagAlarm|Properties|Dimensions|1|Value", "sweeper"),
    at("BreakerOpeningsAlarm|Properties|Dimensions|0|Name", "Organization"),
    at("DeliverySuccessAlarm|Properties|Metrics|1|MetricStat|Metric|Dimensions|1"),
)
def our_metrics_are_looked_at_as_they_are_written(stack):
    """A metric with other dimensions is another metric, of which there is no data."""
    functions = dict(stack.of("Lambda::Function"))
    for name, alarm in stack.of("CloudWatch::Alarm"):
        for metric in stack.metrics_of(alarm):
            if metric["Namespace"] != NAMESPACE:
                continue
            dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
            if set(dimensions) != {"Stage", "FunctionName"} or dimensions["Stage"] != stack.stage:
                yield name, f"{metric['MetricName']} is written by Stage and FunctionName"
            elif target(dimensions["FunctionName"]) not in functions:
                yield name, f"{metric['MetricName']} is of no function of this stack"


# What only our own metrics can tell, and of which function.
TOLD = {
    "DeliveriesDelivered": "DispatcherFunction",
    "DeliveriesFailed": "DispatcherFunction",
    "BreakerOpenings": "DispatcherFunction",
    "SweeperLag": "SweeperFunction",
    "MailsFailed": "MailerFunction",
    "LimiterHits": "AuthFunction",
    "MigrationFailures": "MigratorFunction",
}


@rule(
    at("DeliverySuccessAlarm"),
    at("DeliverySuccessAlarm|Properties|Metrics|0|Expression", "100 * delivered / 2"),
    at("BreakerOpeningsAlarm|Properties|MetricName", "DeliveriesFailed"),
    at("SweeperLagAlarm|Properties|TreatMissingData", "notBreaching"),
    at("MailFailuresAlarm|Properties|Dimensions|1|Value", {"Ref": "AuthFunction"}),
    at("SignInLimitAlarm"),
)
def an_alarm_goes_off_for_what_only_the_functions_know(stack):
    watched = set()
    for name, alarm in stack.of("CloudWatch::Alarm"):
        computed = " ".join(part.get("Expression", "") for part in alarm.get("Metrics", []))
        for part in alarm.get("Metrics", []):
            if "MetricStat" in part and not re.search(rf"\b{part['Id']}\b", computed):
                yield name, f"does not compute with {part['Id']}"
        for metric in stack.metrics_of(alarm):
            watched.update((metric["MetricName"], target(each["Value"])) for each in metric["Dimensions"])
            if metric["MetricName"] == "SweeperLag" and alarm["TreatMissingData"] != "breaching":
                yield name, "a sweeper that does not run says nothing: that has to count"
    for metric, function in TOLD.items():
        if (metric, function) not in watched:
            yield function, f"has no alarm on {metric}"


@rule(_stale_dashboard, _broken_dashboard, _no_function_on_the_dashboard)
def the_dashboard_shows_every_function_and_metrics_that_exist(stack):
    written = (ROOT / "docs" / "observing.md").read_text()
    known = set(re.findall(r"^\| `(\w+)` \| (?:Count|Milliseconds|Seconds) \|", written, re.MULTILINE))
    for name, dashboard in stack.of("CloudWatch::Dashboard"):
        body = dashboard["DashboardBody"]["Fn::Sub"]
        try:
            widgets = json.loads(body)["widgets"]
        except ValueError as error:
            yield name, f"is no JSON: {error}"
            continue
        rows = [row for widget in widgets for row in _full_rows(widget["properties"]["metrics"])]
        for row in rows:
            if row[0] == NAMESPACE and row[1] not in known:
                yield name, f"shows {row[1]}, which docs/observing.md does not know"
        for function in dict(stack.of("Lambda::Function")):
            if not any("${" + function + "}" in row for row in rows):
                yield name, f"does not show {function}"


def _full_rows(rows):
    """CloudWatch's shorthand written out: `.` is what the row above has there, `...` all but the last."""
    above = []
    for row in rows:
        texts = [each for each in row if isinstance(each, str)]
        if texts[0] == "...":
            texts = above[: len(above) - len(texts) + 1] + texts[1:]
        texts = [above[place] if text == "." else text for place, text in enumerate(texts)]
        above = texts
        yield texts


@rule(
    at("AuthRole|Properties|Policies|0|PolicyDocument|Statement|7|Action", "xray:PutTraceSegments"),
    at("SweeperRole|Properties|Policies|0|PolicyDocument|Statement|7"),
)
def every_function_may_write_its_traces(stack):
    roles = {target(function["Role"]): name for name, function in stack.of("Lambda::Function")}
    granted = {role: set() for role in roles}
    for role, statement in stack.statements():
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        if role in granted:
            granted[role].update(action for action in actions if action.startswith("xray:"))
    for role, actions in granted.items():
        if actions != {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}:
            yield role, "X-Ray needs both of its actions"
