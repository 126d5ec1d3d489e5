"""The rules about .github: what runs for a change may do little, is fixed in its version, and holds no key."""

import re

from rules import rule


def workflow(name, path, value):
    """A break: sets what is at a path of a workflow."""

    def apply(project):
        *parents, last = [int(step) if step.isdigit() else step for step in path.split("|")]
        place = project.workflows[name]
        for step in parents:
            place = place[step]
        place[last] = value

    apply.__name__ = f".github/workflows/{name}: {path} = {value}"
    return apply


def _write_all(project):
    project.workflows["ci.yml"]["permissions"] = "write-all"


def _no_permissions(project):
    del project.workflows["release.yml"]["permissions"]


def steps(project):
    """(workflow, job, step) of every step."""
    for name, document in project.workflows.items():
        for job, what in document["jobs"].items():
            for step in what.get("steps", []):
                yield name, job, step


@rule(
    workflow("ci.yml", "jobs|gate|steps|0|uses", "actions/checkout@v5"),
    workflow("release.yml", "jobs|build|steps|0|uses", "actions/checkout@main"),
)
def actions_are_fixed_by_their_digest(stack):
    for name, job, step in steps(stack.project):
        if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step.get("uses", "a@" + "0" * 40)):
            yield name, f"{job} uses {step['uses']}: a tag can be moved"


@rule(
    _write_all,
    _no_permissions,
    workflow("ci.yml", "jobs|gate|permissions", {"id-token": "write"}),
    workflow("deploy.yml", "jobs|build|permissions", {"contents": "write"}),
    workflow("ci.yml", "jobs|gate|steps|0|with", {}),
)
def a_workflow_may_read_and_what_deploys_may_show_who_it_is(stack):
    """Only a stage's job gets an identity, and only the release writes; no step leaves a token behind."""
    allowed = {"deploy.yml": {"id-token"}, "stage.yml": {"id-token"}, "release.yml": {"contents"}}
    for name, document in stack.project.workflows.items():
        if document.get("permissions") != {"contents": "read"}:
            yield name, "may do more than read"
        for job, what in document["jobs"].items():
            granted = what.get("permissions", {})
            written = {scope for scope, level in granted.items() if level == "write"}
            deploys = name != "deploy.yml" or "uses" in what
            if written - (allowed.get(name, set()) if deploys else set()):
                yield name, f"{job} may write {', '.join(sorted(written))}"
    for name, job, step in steps(stack.project):
        if step.get("uses", "").startswith("actions/checkout@"):
            if step.get("with", {}).get("persist-credentials") is not False:
                yield name, f"{job} leaves its token in the clone"


@rule(
    workflow("stage.yml", "jobs|deploy|steps|3|env", {"AWS_ACCESS_KEY_ID": "${{ secrets.KEY }}"}),
    workflow("ci.yml", "jobs|gate|steps|2|run", "echo ${{ github.event.pull_request.title }}"),
)
def no_workflow_holds_a_key_or_runs_what_a_stranger_writes(stack):
    """Credentials of AWS are made for a run and end by themselves; texts of others never become part of a command. The walk's account
    is one of the product's, with no more than its role there."""
    for name, document in stack.project.workflows.items():
        if re.search(r"secrets\.(?!(?:DEPLOY_SECRET_PARAMETERS|WALK_PASSWORD)\b)|AWS_SECRET|AWS_ACCESS_KEY", repr(document)):
            yield name, "holds a key"
    for name, job, step in steps(stack.project):
        if "${{" in step.get("run", ""):
            yield name, f"{job} puts an expression into a command: hand it over in `env`"


@rule(
    workflow("deploy.yml", "jobs|prod|needs", "build"),
    workflow("deploy.yml", "jobs|staging|uses", "./.github/workflows/other.yml"),
    workflow("deploy.yml", "concurrency|cancel-in-progress", True),
    workflow("stage.yml", "jobs|deploy|environment", "prod"),
)
def what_is_built_once_goes_through_the_stages_in_order(stack):
    deploy, stage = stack.project.workflows["deploy.yml"], stack.project.workflows["stage.yml"]
    before = "build"
    for name in ("dev", "staging", "prod"):
        job = deploy["jobs"].get(name, {})
        if job.get("needs") != before or job.get("uses") != "./.github/workflows/stage.yml":
            yield "deploy.yml", f"{name} does not deploy what {before} has shown to be good"
        if job.get("with", {}).get("stage") != name:
            yield "deploy.yml", f"{name} deploys to another stage"
        before = name
    if deploy["concurrency"].get("cancel-in-progress") is not False:
        yield "deploy.yml", "may be cut off in the middle"
    if stage["jobs"]["deploy"].get("environment") != "${{ inputs.stage }}":
        yield "stage.yml", "asks nobody: it has to run in the environment of its stage"


def _no_cargo(project):
    project.dependabot["updates"] = [one for one in project.dependabot["updates"] if one["package-ecosystem"] != "cargo"]


@rule(_no_cargo)
def updates_are_proposed_for_all_that_others_wrote(stack):
    proposed = {one["package-ecosystem"] for one in stack.project.dependabot["updates"]}
    for missing in {"cargo", "github-actions", "pip"} - proposed:
        yield "dependabot.yml", f"proposes no updates of {missing}"
