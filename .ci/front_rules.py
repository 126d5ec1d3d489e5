"""The rules about docs/waf.yaml, the optional firewall in front: what it looks at, and that nothing goes around it."""

import json

import cfnlint.api

from expand import REMOVED
from rules import rule


def front(path, value=REMOVED):
    """A break: sets or removes what is at a path of docs/waf.yaml."""

    def apply(project):
        *parents, last = [int(step) if step.isdigit() else step for step in path.split("|")]
        place = project.front
        for step in parents:
            place = place[step]
        if value is REMOVED:
            del place[last]
        else:
            place[last] = value

    apply.__name__ = f"docs/waf.yaml: {path} = {'(removed)' if value is REMOVED else value}"
    return apply


CONFIG = "Resources|Front|Properties|DistributionConfig|"
RULES_OF_IT = "Resources|Firewall|Properties|Rules|"


@rule(
    front("Resources|Firewall|Properties|Scope", "REGION"),
    front(CONFIG + "WebACLId", {"Fn::GetAtt": ["Nobody", "Arn"]}),
)
def the_front_passes_the_linter(stack):
    if stack.stage != "prod":
        return  # it has no stages
    for match in cfnlint.api.lint(json.dumps(stack.project.front, indent=1), regions=["us-east-1"]):
        yield "docs/waf.yaml", f"{match.rule.id} {match.message}"


@rule(
    front(CONFIG + "WebACLId"),
    front(CONFIG + "Origins|0|OriginCustomHeaders"),
    front(CONFIG + "Origins|0|CustomOriginConfig|OriginProtocolPolicy", "match-viewer"),
    front(CONFIG + "DefaultCacheBehavior|ViewerProtocolPolicy", "allow-all"),
    front(CONFIG + "DefaultCacheBehavior|CachePolicyId", "658327ea-f89d-4fab-a63d-7e88639e58f6"),
    front(CONFIG + "DefaultCacheBehavior|OriginRequestPolicyId", "216adef6-5c7f-47e4-b989-5492eafa07d3"),
    front(CONFIG + "DefaultCacheBehavior|FunctionAssociations"),
    front(CONFIG + "CustomErrorResponses|8|ErrorCachingMinTTL", 10),
    front("Parameters|OriginSecret|NoEcho"),
)
def the_front_hands_on_all_and_keeps_nothing(stack):
    """With the secret, where the call came from, over TLS, and never from a cache."""
    document = stack.project.front
    config = document["Resources"]["Front"]["Properties"]["DistributionConfig"]
    behaviour, [origin] = config["DefaultCacheBehavior"], config["Origins"]
    secret = {"HeaderName": "x-origin-secret", "HeaderValue": {"Ref": "OriginSecret"}}
    for what, good in (
        ("has no firewall", config.get("WebACLId") == {"Fn::GetAtt": ["Firewall", "Arn"]}),
        ("does not send the secret", secret in origin.get("OriginCustomHeaders", [])),
        ("shows the secret", document["Parameters"]["OriginSecret"].get("NoEcho") is True),
        ("calls the API over plain http", origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"),
        ("is called over plain http", behaviour["ViewerProtocolPolicy"] == "https-only"),
        ("caches", behaviour["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"),
        ("keeps headers back", behaviour["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"),
        ("does not say where a call comes from", bool(behaviour.get("FunctionAssociations"))),
        ("caches errors", all(error["ErrorCachingMinTTL"] == 0 for error in config["CustomErrorResponses"])),
    ):
        if not good:
            yield "docs/waf.yaml", what


@rule(
    front(RULES_OF_IT + "0"),
    front(RULES_OF_IT + "1"),
    front(RULES_OF_IT + "3|OverrideAction", {"Count": {}}),
    front(RULES_OF_IT + "3|Statement|ManagedRuleGroupStatement|RuleActionOverrides|0"),
    front(RULES_OF_IT + "0|Action", {"Count": {}}),
)
def the_firewall_stops_floods_and_what_is_known_to_be_bad_and_no_data_of_events(stack):
    rules = stack.project.front["Resources"]["Firewall"]["Properties"]["Rules"]
    groups = {}
    for each in rules:
        group = each["Statement"].get("ManagedRuleGroupStatement")
        if group and each.get("OverrideAction") == {"None": {}}:
            counted = {one["Name"] for one in group.get("RuleActionOverrides", []) if "Count" in one["ActionToUse"]}
            groups[group["Name"]] = counted
    for needed in ("AmazonIpReputationList", "KnownBadInputsRuleSet", "CommonRuleSet"):
        if f"AWSManagedRules{needed}" not in groups:
            yield "docs/waf.yaml", f"does not hold callers to {needed}"
    if "SizeRestrictions_BODY" not in groups.get("AWSManagedRulesCommonRuleSet", ()):
        yield "docs/waf.yaml", "refuses bodies of 8 KiB"
    if not any("RateBasedStatement" in each["Statement"] and "Block" in each.get("Action", {}) for each in rules):
        yield "docs/waf.yaml", "stops no flood"
