"""The rules. Each yields (resource, problem) for a stack; above it stand edits of the template that it has to notice."""

import json
import re

import cfnlint.api

from expand import BOUNDARY, REMOVED, ROOT, as_list, functions_as_written, target

RULES = []


def rule(*breaks):
    """A rule and what breaks it: (path into the template, new value) or a function of the project."""

    def register(check):
        RULES.append((check, breaks))
        return check

    return register


def at(path, value=REMOVED):
    """A break: sets or removes what is at a path below Resources."""

    def apply(project):
        *parents, last = [int(step) if step.isdigit() else step for step in path.split("|")]
        place = project.template["Resources"]
        for step in parents:
            place = place[step]
        if value is REMOVED:
            del place[last]
        else:
            place[last] = value

    apply.__name__ = f"{path} = {'(removed)' if value is REMOVED else value}"
    return apply


STATEMENT = "AuthRole|Properties|Policies|0|PolicyDocument|Statement|0|"


@rule(
    at("AuthFunction|Properties|Environment|Variables|JWT_ISSUER", {"Ref": "Nobody"}),
    at("DeliveriesQueue|Properties|VisibilityTimeout", "soon"),
)
def the_expanded_template_passes_the_linter(stack):
    document = json.dumps(stack.expanded, indent=1, default=str)
    for match in cfnlint.api.lint(document, regions=["us-east-1"]):
        path = [str(step) for step in getattr(match, "path", [])]
        yield "/".join(path[1:2]) or "template", f"{match.rule.id} {match.message}"


@rule(at(STATEMENT + "Action", "dynamodb:*"), at(STATEMENT + "Action", ["dynamodb:GetItem", "dynamodb:Put*"]))
def roles_name_each_action(stack):
    for role, statement in stack.statements():
        for action in as_list(statement.get("Action", "NotAction")):
            if "*" in action or ":" not in action:
                yield role, f"action {action}"


@rule(
    at(STATEMENT + "Resource", "*"),
    at(STATEMENT + "Resource", ["arn:aws:dynamodb:*:*:table/*"]),
    at("AuthRole|Properties|ManagedPolicyArns", ["arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess"]),
)
def roles_name_each_resource(stack):
    for role, statement in stack.statements():
        actions = as_list(statement["Action"])
        if all(action.startswith("xray:Put") for action in actions):
            continue  # X-Ray has no resources to name
        for resource in as_list(statement.get("Resource", "*")):
            text = resource if isinstance(resource, str) else json.dumps(resource)
            if text == "*" or re.search(r":\*:|table/\*|:function:\*|secret:\*", text):
                yield role, f"resource {text} for {', '.join(actions)}"
    for role, properties in stack.of("IAM::Role"):
        for policy in properties.get("ManagedPolicyArns", []):
            yield role, f"managed policy {policy}: write the statements out"


@rule(
    at(STATEMENT + "Action", ["dynamodb:GetItem", "dynamodb:Scan"]),
    at("MigratorRole|Properties|Policies|0|PolicyDocument|Statement|0|Resource", {"Fn::GetAtt": ["LimitsTable", "Arn"]}),
    at("MigratorRole|Properties|Policies|0|PolicyDocument|Statement|1|Condition"),
)
def the_migrator_alone_scans_and_writes_where_it_has_to(stack):
    for role, statement in stack.statements():
        actions = as_list(statement["Action"])
        if "dynamodb:Scan" in actions and (role != "MigratorRole" or actions != ["dynamodb:Scan"]):
            yield role, "may scan"
        if "dynamodb:Scan" in actions and target(statement["Resource"]) != "Table":
            yield role, "may scan another table"
        writes = any(action.startswith(("dynamodb:Put", "dynamodb:Update", "dynamodb:Delete")) for action in actions)
        if role == "MigratorRole" and writes and "dynamodb:LeadingKeys" not in json.dumps(statement.get("Condition", {})):
            yield role, "may write anywhere"


@rule(
    at("SecretKeyRotation"),
    at("SecretKeyRotation|Properties|RotationLambdaARN", {"Fn::GetAtt": ["RotatorFunction", "Arn"]}),
    at("SecretKeyRotation|Properties|RotateImmediatelyOnUpdate"),
    at("RotatorPermission|Properties|SourceArn", {"Ref": "Table"}),
    at("RotatorPermission|Properties|SourceAccount"),
    at("AuthRole|Properties|Policies|0|PolicyDocument|Statement|0|Action", "secretsmanager:PutSecretValue"),
    at("RotatorRole|Properties|Policies|0|PolicyDocument|Statement|1|Resource", {"Ref": "Table"}),
)
def each_secret_is_rotated_by_the_function_that_may(stack):
    rotated = {target(each["SecretId"]): each for _, each in stack.of("SecretsManager::RotationSchedule")}
    permissions = [each for _, each in stack.of("Lambda::Permission") if "secretsmanager" in each["Principal"]]
    for secret, _ in stack.of("SecretsManager::Secret"):
        rotation = rotated.get(secret)
        if rotation is None:
            yield secret, "is not rotated"
            continue
        if stack.resources.get(target(rotation["RotationLambdaARN"]), {}).get("Type") != "AWS::Lambda::Alias":
            yield secret, "is not rotated by an alias"
        if rotation.get("RotateImmediatelyOnUpdate") is not False:
            yield secret, "is rotated by a deployment"
        function = stack.function_behind(rotation["RotationLambdaARN"])
        given = [each for each in permissions if stack.function_behind(each["FunctionName"]) == function]
        if not any(target(each.get("SourceArn")) == secret and "SourceAccount" in each for each in given):
            yield secret, "its rotation may not be started by Secrets Manager, or by any account's"
        role = target(dict(stack.of("Lambda::Function"))[function]["Role"])
        for name, statement in stack.statements():
            actions = [action for action in as_list(statement["Action"]) if action.startswith("secretsmanager:")]
            writes = set(actions) - {"secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"}
            if actions and set(map(target, as_list(statement["Resource"]))) != {secret}:
                yield name, "may use a secret that does not rotate"
            if writes and name != role:
                yield name, f"may {', '.join(sorted(writes))}"


@rule(
    at("ApiKeysFunction|Properties|Role", {"Fn::GetAtt": ["AuthRole", "Arn"]}),
    at("AuthRole|Properties|PermissionsBoundary"),
)
def each_function_has_a_bounded_role_of_its_own(stack):
    owners = {}
    for name, function in stack.of("Lambda::Function"):
        owners.setdefault(target(function["Role"]), []).append(name)
    for role, names in owners.items():
        if len(names) > 1:
            yield role, f"shared by {', '.join(names)}"
    for role, properties in stack.of("IAM::Role"):
        if properties.get("PermissionsBoundary") != BOUNDARY:
            yield role, "does not take PermissionsBoundaryArn"


@rule(
    at("DispatcherRole|Properties|Policies|0|PolicyDocument|Statement|4|Sid", "Enqueue"),
    at("DeliveriesQueue|Properties|RedrivePolicy|maxReceiveCount", 1000),
)
def a_consumer_writes_to_its_own_queue_only_to_schedule_retries(stack):
    """Such a loop has to end: the statement says that it is meant, and what fails is received a few times at most."""
    queues = dict(stack.of("SQS::Queue"))
    roles = {name: target(function["Role"]) for name, function in stack.of("Lambda::Function")}
    for _, queue, function, _ in stack.queue_sources():
        for role, statement in stack.statements():
            writes = any(action.startswith("sqs:SendMessage") for action in as_list(statement["Action"]))
            own = queue in map(target, as_list(statement["Resource"]))
            if role == roles[function] and writes and own:
                if statement.get("Sid") != "ScheduleRetries":
                    yield role, f"writes to {queue}, which {function} reads"
                elif queues[queue].get("RedrivePolicy", {}).get("maxReceiveCount", 1000) > 10:
                    yield queue, "retries into itself, and what fails may go round for ever"


@rule(
    at("DeliveriesQueue|Properties|VisibilityTimeout", 239),
    at("DispatcherFunction|Properties|Timeout", 41),
    at("DispatcherFunction|Properties|Events|Deliveries|Properties|MaximumBatchingWindowInSeconds", 1),
)
def a_message_stays_hidden_for_six_timeouts_and_the_window(stack):
    queues, functions = dict(stack.of("SQS::Queue")), dict(stack.of("Lambda::Function"))
    for _, queue, function, source in stack.queue_sources():
        needed_seconds = 6 * functions[function]["Timeout"] + source.get("MaximumBatchingWindowInSeconds", 0)
        if queues[queue].get("VisibilityTimeout", 30) < needed_seconds:
            yield queue, f"VisibilityTimeout is below the {needed_seconds} s that {function} may need"


@rule(at("DispatcherFunction|Properties|Events|Deliveries|Properties|FunctionResponseTypes"))
def a_batch_fails_by_the_message(stack):
    for name, source in stack.of("Lambda::EventSourceMapping"):
        if "ReportBatchItemFailures" not in source.get("FunctionResponseTypes", []):
            yield name, "no ReportBatchItemFailures: one bad message would repeat the whole batch"


@rule(
    at("DispatcherFunction|Properties|ReservedConcurrentExecutions", 10),
    at("DispatcherFunction|Properties|Events|Deliveries|Properties|ScalingConfig"),
)
def a_queue_is_polled_no_faster_than_reserved(stack):
    functions = dict(stack.of("Lambda::Function"))
    for name, _, function, source in stack.queue_sources():
        reserved = functions[function].get("ReservedConcurrentExecutions")
        maximum = source.get("ScalingConfig", {}).get("MaximumConcurrency")
        if reserved is None or maximum is None or int(maximum) > int(reserved):
            yield name, f"MaximumConcurrency {maximum}, reserved {reserved}"


@rule(
    at("DeliveriesQueue|Properties|RedrivePolicy"),
    at("DeliveriesQueue|Properties|RedrivePolicy|maxReceiveCount", 2),
    at("DeliveriesDeadLetterQueue|Properties|MessageRetentionPeriod", 86400),
    at("DeliveriesDeadLetterQueue|Properties|RedriveAllowPolicy"),
    at("DeliveriesDeadLetterQueue|Properties|RedrivePolicy"),
    at("UnwrittenLettersQueue|Properties|MessageRetentionPeriod"),
)
def what_fails_is_kept_as_a_dead_letter(stack):
    queues = dict(stack.of("SQS::Queue"))
    for _, queue, _, _ in stack.queue_sources():
        redrive = queues[queue].get("RedrivePolicy", {})
        letters = queues.get(target(redrive.get("deadLetterTargetArn")))
        if letters is None or not 3 <= redrive.get("maxReceiveCount", 0) <= 10:
            yield queue, "needs a RedrivePolicy to a queue of this stack, with a maxReceiveCount of 3 to 10"
        elif letters.get("MessageRetentionPeriod", 345600) < 1209600:
            yield queue, "its dead letters are kept for less than 14 days"
        elif letters.get("RedriveAllowPolicy", {}).get("redrivePermission") != "byQueue":
            yield queue, "its dead-letter queue takes letters from any queue"


@rule(
    at("SweeperFunction|Properties|EventInvokeConfig"),
    at("SweeperFunction|Properties|EventInvokeConfig|DestinationConfig"),
)
def what_a_schedule_starts_says_where_its_failures_go(stack):
    told = {
        target(config["FunctionName"])
        for _, config in stack.of("Lambda::EventInvokeConfig")
        if config.get("DestinationConfig", {}).get("OnFailure")
    }
    for name, schedule in stack.of("Scheduler::Schedule"):
        function = stack.function_behind(schedule["Target"]["Arn"])
        if function not in told:
            yield name, f"failures of {function} go nowhere"


@rule(
    at("DeliveriesQueue|Properties|SqsManagedSseEnabled"),
    at("Table|Properties|SSESpecification"),
    at("SecretKey|Properties|KmsKeyId"),
    at("AlarmTopic|Properties|KmsMasterKeyId"),
    at("DataKey|Properties|EnableKeyRotation", False),
)
def everything_is_encrypted_at_rest(stack):
    for name, queue in stack.of("SQS::Queue"):
        if not queue.get("SqsManagedSseEnabled") and not queue.get("KmsMasterKeyId"):
            yield name, "is not encrypted"
    for name, table in stack.of("DynamoDB::Table"):
        if not table.get("SSESpecification", {}).get("KMSMasterKeyId"):
            yield name, "is not encrypted with a key of this stack"
    for kind, setting in (("SecretsManager::Secret", "KmsKeyId"), ("SNS::Topic", "KmsMasterKeyId")):
        for name, properties in stack.of(kind):
            if target(properties.get(setting)) not in dict(stack.of("KMS::Key")):
                yield name, "is not encrypted with a key of this stack"
    for name, key in stack.of("KMS::Key"):
        if key.get("EnableKeyRotation") is not True:
            yield name, "does not rotate"


@rule(at("DeliveriesQueuePolicy"), at("AlarmTopicPolicy|Properties|PolicyDocument|Statement|1"))
def queues_and_topics_are_reached_over_tls_only(stack):
    protected = set()
    for kind, targets in (("SQS::QueuePolicy", "Queues"), ("SNS::TopicPolicy", "Topics")):
        for _, policy in stack.of(kind):
            for statement in policy["PolicyDocument"]["Statement"]:
                condition = statement.get("Condition", {}).get("Bool", {})
                if statement["Effect"] == "Deny" and condition.get("aws:SecureTransport") == "false":
                    protected.update(map(target, policy[targets]))
    for name, _ in stack.of("SQS::Queue") + stack.of("SNS::Topic"):
        if name not in protected:
            yield name, "may be reached without TLS"


@rule(
    at("Table|Properties|PointInTimeRecoverySpecification"),
    at("Table|Properties|TimeToLiveSpecification|AttributeName", "ttl"),
    at("Table|Properties|DeletionProtectionEnabled", False),
    at("Table|Properties|BillingMode", "PROVISIONED"),
    at("Table|Properties|KeySchema|1|AttributeName", "sort"),
    at("Table|DeletionPolicy"),
    at("SecretKey|UpdateReplacePolicy", "Delete"),
    at("LimitsTable|Properties|TimeToLiveSpecification"),
    at("LimitsTable|DeletionPolicy", "Delete"),
    at("LimitsTable|Properties|PointInTimeRecoverySpecification"),
)
def what_is_stored_outlives_mistakes(stack):
    for name, table in stack.of("DynamoDB::Table"):
        if [key["AttributeName"] for key in table["KeySchema"]] != ["pk", "sk"]:
            yield name, "its keys are not pk and sk"
        if table.get("BillingMode") != "PAY_PER_REQUEST":
            yield name, "is not on demand"
        if table.get("TimeToLiveSpecification") != {"AttributeName": "expires", "Enabled": True}:
            yield name, "does not expire items by `expires`"
        if not table.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled"):
            yield name, "has no point in time to recover"
        if stack.stage == "prod" and table.get("DeletionProtectionEnabled") is not True:
            yield name, "may be deleted in prod"
    for kind in ("DynamoDB::Table", "SecretsManager::Secret", "KMS::Key"):
        for name, _ in stack.of(kind):
            for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
                if not stack.resources[name].get(policy, "Delete").startswith("Retain"):
                    yield name, f"{policy} does not retain it"


@rule(
    at("SecretKey|Properties|GenerateSecretString|PasswordLength", 16),
    at("SecretKey|Properties|SecretString", "supersecretkey"),
    at("SecretKey|Properties|GenerateSecretString|SecretStringTemplate", "{}"),
    at("AuthFunction|Properties|Environment|Variables|SECRET_KEY", "supersecretkey"),
    at("AuthFunction|Properties|Environment|Variables|TOKEN", "{{resolve:secretsmanager:x}}"),
)
def secrets_are_generated_and_never_in_the_environment(stack):
    for name, secret in stack.of("SecretsManager::Secret"):
        made = secret.get("GenerateSecretString", {})
        if "SecretString" in secret or made.get("PasswordLength", 0) < 32:
            yield name, "is not generated, or shorter than 32 characters"
        if made.get("GenerateStringKey") != "key" or not json.loads(made["SecretStringTemplate"]).get("kid"):
            yield name, 'is not JSON with "kid" and "key"'
    looks_secret = re.compile(r"SECRET|PASSWORD|TOKEN|PRIVATE|API_?KEY|SIGNING")
    for name, function in stack.of("Lambda::Function"):
        for variable, value in function["Environment"]["Variables"].items():
            harmless = variable.endswith(("_ARN", "_NAME", "_URL", "_LENGTH")) or value == ""
            if "resolve:" in json.dumps(value) or (looks_secret.search(variable) and not harmless):
                yield name, f"{variable} puts a secret into the environment"


@rule(
    at("AuthFunction|Properties|MemorySize"),
    at("AuthFunction|Properties|Timeout", 30),
    at("AuthFunction|Properties|Tracing", "PassThrough"),
    at("AuthFunction|Properties|Architectures", ["x86_64"]),
    at("AuthFunction|Properties|Runtime", "provided.al2"),
    at("AuthFunction|Metadata|BuildProperties|Binary", "Auth"),
)
def functions_say_what_they_need(stack):
    behind_the_api = {function for function, _, _ in stack.rows()}
    written = stack.project.template["Resources"]
    for name, function in stack.of("Lambda::Function"):
        if (function.get("Runtime"), function.get("Handler")) != ("provided.al2023", "bootstrap"):
            yield name, "is not a bootstrap on provided.al2023"
        if function.get("Architectures") != [stack.parameters["Architecture"]]:
            yield name, "is not of the architecture that the stack has"
        if "MemorySize" not in function or "Timeout" not in function:
            yield name, "leaves MemorySize or Timeout to the default"
        elif name in behind_the_api and function["Timeout"] > 29:
            yield name, "may work longer than the gateway waits"
        if function.get("TracingConfig", {}).get("Mode") != "Active":
            yield name, "is not traced"
        binary = written[name]["Metadata"].get("BuildProperties", {}).get("Binary", "")
        if (
            written[name]["Metadata"].get("BuildMethod") != "rust-cargolambda"
            or not (ROOT / "functions" / binary).is_dir()
        ):
            yield name, f"is not built from functions/{binary}"


@rule(
    at("AuthFunction|Properties|LoggingConfig|LogFormat", "Text"),
    at("AuthFunction|Properties|LoggingConfig|LogGroup", "/aws/lambda/auth"),
    at("AuthLogGroup|Properties|RetentionInDays"),
    at("AuthLogGroup|Properties|RetentionInDays", 14),
)
def logs_are_json_and_kept_for_a_stated_time(stack):
    groups = dict(stack.of("Logs::LogGroup"))
    for name, function in stack.of("Lambda::Function"):
        logging_config = function.get("LoggingConfig", {})
        if logging_config.get("LogFormat") != "JSON" or target(logging_config.get("LogGroup")) not in groups:
            yield name, "does not write JSON into a log group of this stack"
    for name, group in groups.items():
        if group.get("RetentionInDays", 0) < {"dev": 1, "staging": 30, "prod": 90}[stack.stage]:
            yield name, "is not kept, or not long enough for the stage"


@rule(
    at("AuthFunction|Properties|DeploymentPreference|Enabled", False),
    at("AuthFunction|Properties|DeploymentPreference|Alarms", []),
    at("AuthFunction|Properties|DeploymentPreference|Type", "AllAtOnce"),
    at("AuthFunction|Properties|AutoPublishAliasAllProperties"),
)
def functions_are_called_by_an_alias_that_moves_gradually_in_prod(stack):
    aliased = {stack.function_behind(alias["FunctionName"]) for _, alias in stack.of("Lambda::Alias")}
    groups = {name.removesuffix("DeploymentGroup"): group for name, group in stack.of("CodeDeploy::DeploymentGroup")}
    written = dict(functions_as_written(stack.project.template))
    for name, _ in stack.of("Lambda::Function"):
        if name not in aliased:
            yield name, "has no alias"
        if written[name].get("AutoPublishAliasAllProperties") is not True:
            yield name, "does not publish a change of a setting"
        if stack.stage == "prod":
            group = groups.get(name, {})
            gradual = re.search("Canary|Linear", json.dumps(group.get("DeploymentConfigName", "")))
            rolls_back = group.get("AutoRollbackConfiguration", {}).get("Enabled")
            if not gradual or not rolls_back or not group.get("AlarmConfiguration", {}).get("Alarms"):
                yield name, "is not shifted gradually, watched by alarms and rolled back"


@rule(
    at("AuthErrorsAlarm"),
    at("DispatcherThrottlesAlarm|Properties|Dimensions|0|Value", {"Ref": "AuthFunction"}),
    at("DeliveriesDeadLettersAlarm|Properties|MetricName", "NumberOfMessagesSent"),
    at("DeliveriesAgeAlarm|Properties|Dimensions|0|Value", {"Fn::GetAtt": ["DeliveriesDeadLetterQueue", "QueueName"]}),
    at("ApiServerErrorsAlarm|Properties|MetricName", "4xx"),
    at("ApiLatencyAlarm|Properties|AlarmActions"),
    at("ApiLatencyAlarm|Properties|TreatMissingData"),
)
def an_alarm_goes_off_for_each_thing_that_breaks(stack):
    watched = set()
    for name, alarm in stack.of("CloudWatch::Alarm"):
        if not alarm.get("AlarmActions") or "TreatMissingData" not in alarm:
            yield name, "tells nobody, or does not say what missing data means"
        for metric in stack.metrics_of(alarm):
            watched.update((metric["MetricName"], target(dimension["Value"])) for dimension in metric["Dimensions"])
    needed = [(metric, name) for name, _ in stack.of("Lambda::Function") for metric in ("Errors", "Throttles")]
    needed += [(metric, name) for name, _ in stack.of("ApiGatewayV2::Api") for metric in ("5xx", "Latency")]
    for _, queue, _, _ in stack.queue_sources():
        needed.append(("ApproximateAgeOfOldestMessage", queue))
    read = {queue for _, queue, _, _ in stack.queue_sources()}
    for letters in stack.dead_letter_queues():
        # Where a function takes the letters, none stays to be seen.
        needed.append(("NumberOfMessagesReceived" if letters in read else "ApproximateNumberOfMessagesVisible", letters))
    for metric, name in needed:
        if (metric, name) not in watched:
            yield name, f"has no alarm on {metric}"


@rule(
    at("AuthFunction|Properties|Events|Me|Properties|Path", "/auth/me/"),
    at("AuthFunction|Properties|Events|GetSlash"),
    at("AuthFunction|Properties|Events|GetSlash|Properties|Method", "ANY"),
    at("WebhooksFunction|Properties|Events|GetSlash|Properties|Path", "/api/{proxy+}"),
)
def each_route_is_there_with_a_last_slash_too(stack):
    """An HTTP API takes no route that ends in a slash; `/x/{proxy+}`, whose rest may be empty, stands for it."""
    rows = set(stack.rows())
    slashes = {row for row in rows if row[2].endswith("/{proxy+}")}
    routes = sorted(rows - slashes)
    stands_for_a_route = set()
    for function, method, path in routes:
        if path.endswith("/"):
            yield function, f"{method} {path}: the gateway would leave it out"
        takers = {row for row in slashes if row[1] == method and f"{path}/".startswith(row[2].removesuffix("{proxy+}"))}
        stands_for_a_route |= takers
        if not takers:
            yield function, f"{method} {path}/ goes nowhere: add a row on …/{{proxy+}}"
        for taker, _, wide in takers:
            if taker != function:
                yield taker, f"{method} {wide} takes {path}/ from {function}"
    for function, method, path in sorted(slashes - stands_for_a_route):
        yield function, f"{method} {path} stands for no route of that method; ANY would take preflight requests"


def _many_routes(project):
    events = project.template["Resources"]["AuthFunction"]["Properties"]["Events"]
    for number in range(60):
        events[f"Route{number}"] = {
            **events["Me"],
            "Properties": {**events["Me"]["Properties"], "Path": f"/auth/{number}"},
        }


@rule(_many_routes)
def the_permissions_of_a_function_fit(stack):
    """Lambda takes 20 KB of resource policy; each row is a statement of about 450 bytes in it."""
    counts = {}
    for name, permission in stack.of("Lambda::Permission"):
        function = stack.function_behind(permission["FunctionName"])
        counts[function] = counts.get(function, 0) + 1
        if "SourceArn" not in permission:
            yield name, "lets any API of the account call the function"
    for function, count in counts.items():
        if count * 450 > 20480:
            yield function, f"{count} rows do not fit: at most {20480 // 450}"
    if len(stack.resources) > 450:
        yield "template", f"{len(stack.resources)} of 500 resources"


def _origins(project, origins):
    project.template["Parameters"]["CorsAllowedOrigins"]["Default"] = origins


def _any_origin(project):
    _origins(project, "*")


def _origin_by_default(project):
    _origins(project, "https://example.com")


@rule(
    at("Api|Properties|AccessLogSettings"),
    at("Api|Properties|DefaultRouteSettings|ThrottlingRateLimit"),
    at("Api|Properties|FailOnWarnings"),
    _any_origin,
    _origin_by_default,
)
def the_api_is_logged_throttled_and_closed_to_other_origins(stack):
    for name, gateway in stack.of("ApiGatewayV2::Stage"):
        if not gateway.get("AccessLogSettings", {}).get("DestinationArn"):
            yield name, "keeps no access log"
        elif re.search(r"queryString|header|authorizer", gateway["AccessLogSettings"]["Format"], re.IGNORECASE):
            yield name, "logs what may hold a credential"
        limits = gateway.get("DefaultRouteSettings", {})
        if not limits.get("ThrottlingRateLimit") or not limits.get("ThrottlingBurstLimit"):
            yield name, "is not throttled"
    for name, api in stack.of("ApiGatewayV2::Api"):
        if api["Body"].get("x-amazon-apigateway-cors"):
            yield name, "allows other origins by default"
        if api.get("FailOnWarnings") is not True:
            yield name, "may leave out routes without a word"


@rule(at("Table|Properties|TableName", "ai-foundry"), at("AuthFunction|Properties|FunctionName", "auth"))
def nothing_has_a_fixed_name(stack):
    """Two stacks fit into one account, and a resource can be replaced."""
    names = (
        "FunctionName",
        "TableName",
        "QueueName",
        "RoleName",
        "TopicName",
        "LogGroupName",
        "AlarmName",
        "DashboardName",
    )
    makers = (
        "AWS::Lambda::Alias",
        "AWS::Lambda::Permission",
        "AWS::Lambda::Version",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::EventInvokeConfig",
    )
    for name, resource in stack.resources.items():
        for setting in names if resource["Type"] not in makers else ():
            value = resource.get("Properties", {}).get(setting)
            if value is not None and "${AWS::StackName}" not in json.dumps(value):
                yield name, f"{setting} is fixed"


def _one_stack_name(project):
    project.samconfig["prod"]["deploy"]["parameters"]["stack_name"] = "ai-foundry-dev"


def _unconfirmed(project):
    project.samconfig["prod"]["deploy"]["parameters"]["confirm_changeset"] = False


def _wrong_stage(project):
    project.samconfig["staging"]["deploy"]["parameters"]["parameter_overrides"] = "Stage=prod"


def _named_iam(project):
    project.samconfig["prod"]["deploy"]["parameters"]["capabilities"] = "CAPABILITY_NAMED_IAM"


def _dev_needs_more(project):
    project.samconfig["default"]["deploy"]["parameters"]["parameter_overrides"] = "Stage=dev"


@rule(_one_stack_name, _unconfirmed, _wrong_stage, _named_iam, _dev_needs_more)
def samconfig_deploys_each_stage_as_its_own_stack(stack):
    names = set()
    for environment, stage in (("default", "dev"), ("staging", "staging"), ("prod", "prod")):
        deploy = stack.project.samconfig.get(environment, {}).get("deploy", {}).get("parameters", {})
        if deploy.get("stack_name", "") in names | {""}:
            yield f"samconfig {environment}", "has no stack of its own"
        names.add(deploy.get("stack_name"))
        if f"Stage={stage}" not in deploy.get("parameter_overrides", "").split():
            yield f"samconfig {environment}", f"does not say Stage={stage}"
        overrides = dict(each.split("=", 1) for each in deploy.get("parameter_overrides", "").split())
        if stage == "dev" and stack.with_parameters(**overrides).is_refused():
            yield f"samconfig {environment}", "is refused by the template's rules: dev has to work as it is"
        if deploy.get("capabilities") != "CAPABILITY_IAM" or not deploy.get("region"):
            yield f"samconfig {environment}", "needs a region and CAPABILITY_IAM, which no name here exceeds"
        if stage == "prod" and not deploy.get("confirm_changeset"):
            yield f"samconfig {environment}", "changes prod without asking"


def _forgotten_setting(project):
    project.example = project.example.replace("JWT_ISSUER=", "JWT_ISSUER_=")


# What the machine gives: Lambda always, `.env` here.
GIVEN_BY_LAMBDA = {
    "AWS_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_LAMBDA_LOG_FORMAT",
    "AWS_LAMBDA_LOG_LEVEL",
}


@rule(_forgotten_setting, at("AuthFunction|Properties|Environment|Variables|FORGOTTEN", ""))
def the_example_environment_lists_every_setting(stack):
    example = set(re.findall(r"^([A-Z][A-Z0-9_]*)=", stack.project.example, re.MULTILINE)) - GIVEN_BY_LAMBDA
    declared = {v for _, function in stack.of("Lambda::Function") for v in function["Environment"]["Variables"]}
    for variable in sorted(example ^ declared):
        yield ".env.example", f"{variable} is only in {'template.yaml' if variable in declared else '.env.example'}"


def sentence(check):
    return check.__name__.replace("_", " ")
