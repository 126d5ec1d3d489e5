"""The rules about mail: who may send it, as whom, and that no stage goes without a sender by mistake."""

import re

from expand import as_list
from rules import at, rule

NOBODY = "AI Foundry <no-reply@example.com>"
IDENTITY = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/"

SEND = "MailerRole|Properties|Policies|0|PolicyDocument|Statement|5|"


@rule(
    at(SEND + "Action", ["ses:SendEmail", "ses:SendRawEmail"]),
    at(SEND + "Resource|0", {"Fn::Sub": IDENTITY + "${MailFrom}"}),
    at(SEND + "Resource|1"),
    at(SEND + "Condition"),
    at("AuthRole|Properties|Policies|0|PolicyDocument|Statement|0|Action", "ses:SendEmail"),
)
def mail_is_sent_by_the_mailer_as_mail_from_and_as_nobody_else(stack):
    """Whether MailFrom is an address or has a name before it."""
    for sender in ("no-reply@mail.acme.com", "Acme & Sons <no-reply@mail.acme.com>"):
        deployed = stack.with_parameters(MailFrom=sender)
        for role, statement in sending_as_written(stack.project.template):
            if role != "MailerRole" or as_list(statement["Action"]) != ["ses:SendEmail"]:
                yield role, f"may {statement['Action']}"
            identities = sorted(map(deployed.text, as_list(statement["Resource"])))
            if identities != [IDENTITY + "mail.acme.com", IDENTITY + "no-reply@mail.acme.com"]:
                yield role, f"sends with {', '.join(identities)} where MailFrom is {sender}"
            conditions = statement.get("Condition", {}).get("StringEquals", {})
            if deployed.text(conditions.get("ses:FromAddress")) != "no-reply@mail.acme.com":
                yield role, f"may send as others than {sender}"


def sending_as_written(template):
    """(role, statement) of every statement about SES."""
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::IAM::Role":
            for policy in resource["Properties"].get("Policies", []):
                for statement in policy["PolicyDocument"]["Statement"]:
                    if "ses:" in str(statement["Action"]):
                        yield name, statement


def _no_rules(project):
    del project.template["Rules"]


def _quiet_prod(project):
    assertion = project.template["Rules"]["MailHasASender"]["Assertions"][0]["Assert"]
    assertion["Fn::Or"][1] = {"Fn::Equals": [{"Ref": "EmailVerification"}, "off"]}


def _another_default(project):
    project.template["Parameters"]["MailFrom"]["Default"] = "no-reply@example.com"


@rule(_no_rules, _quiet_prod, _another_default)
def nobody_deploys_without_a_sender_but_dev_without_verification(stack):
    for verification in ("on", "off"):
        may_do_without = stack.stage == "dev" and verification == "off"
        if stack.with_parameters(EmailVerification=verification).is_refused() == may_do_without:
            yield "Rules", f"{stack.stage} with EmailVerification={verification} and no sender"
        given = stack.with_parameters(EmailVerification=verification, MailFrom="no-reply@acme.com")
        if given.is_refused():
            yield "Rules", f"{stack.stage} with EmailVerification={verification} and a sender is refused"


def _any_text(project):
    project.template["Parameters"]["MailFrom"]["AllowedPattern"] = "^.+$"


@rule(_any_text)
def mail_from_is_an_address_with_or_without_a_name(stack):
    pattern = stack.project.template["Parameters"]["MailFrom"]["AllowedPattern"]
    for sender in (NOBODY, "no-reply@acme.com", "Acme & Sons <a.b+c@mail.acme.com>"):
        if not re.fullmatch(pattern, sender):
            yield "MailFrom", f"refuses {sender}"
    odd = ("", "acme.com", "a@b", "Acme a@b.com", "<a@b.com>", "A <a@b.com", "A <a@b.com> <c@d.com>")
    for nonsense in (*odd, "a@b.com, c@d.com", "a@b.com\nBcc: c@d.com"):
        if re.fullmatch(pattern, nonsense):
            yield "MailFrom", f"takes {nonsense!r}"
