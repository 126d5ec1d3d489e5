//! The verdict, in the form that the gateway wants, and what the deployer's API learns of who is calling.

use serde_json::{Map, Value, json};
use shared::principal::Principal;
use shared::scope::ModuleName;

use crate::Refusal;
use crate::call::{Call, Form};

/// Whether a call is let in.
pub(crate) enum Verdict {
    Allowed(Principal),
    Refused(Refusal),
}

/// For HTTP APIs `isAuthorized`; for REST APIs a policy that names the one method that was called, so that
/// it lets in nowhere else, however long the gateway keeps it.
pub(crate) fn write(call: &Call, verdict: &Verdict) -> Value {
    let (allowed, principal_id, context) = match verdict {
        Verdict::Allowed(principal) => (true, principal.actor().to_string(), context(principal)),
        Verdict::Refused(refusal) => (false, "nobody".to_owned(), refused(*refusal)),
    };
    match &call.form {
        Form::Simple => json!({ "isAuthorized": allowed, "context": context }),
        Form::Policy { method_arn } => json!({
            "principalId": principal_id,
            "policyDocument": {
                "Version": "2012-10-17",
                "Statement": [{
                    "Action": "execute-api:Invoke",
                    "Effect": if allowed { "Allow" } else { "Deny" },
                    "Resource": method_arn,
                }],
            },
            "context": context,
        }),
    }
}

/// Texts only: REST APIs take no lists.
fn context(principal: &Principal) -> Map<String, Value> {
    let modules: Vec<_> = principal.modules().iter().map(ModuleName::as_str).collect();
    let (kind, role) = match principal {
        Principal::Session { role, .. } => ("session", Some(role.as_str())),
        Principal::ApiKey { .. } => ("api_key", None),
    };
    let mut context = Map::new();
    let mut say = |name: &str, value: String| context.insert(name.to_owned(), value.into());
    say("organization_id", principal.org().to_string());
    say("principal_id", principal.actor().to_string());
    say("principal_type", kind.to_owned());
    say("user_id", principal.user().to_string());
    say("scopes", principal.effective_scopes().joined());
    say("modules", modules.join(" "));
    if let Some(role) = role {
        say("role", role.to_owned());
    }
    context
}

/// For gateway responses of REST APIs: `$context.authorizer.code`.
fn refused(refusal: Refusal) -> Map<String, Value> {
    Map::from_iter([("code".to_owned(), refusal.code().into())])
}
