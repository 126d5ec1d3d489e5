//! What functions are told here instead of what the template says: on a laptop,
//! deliveries go to the laptop and links lead back to it.

/// What the template leaves to the place that it runs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where the gateway answers, without a slash at the end: links in mails lead there.
    pub gateway_url: String,
    /// Whether somebody who registers has to follow a link first.
    pub verify_email: bool,
    /// Whether `DynamoDB` can have faults: its calls take a little longer then.
    pub faults: bool,
}

impl Default for Settings {
    /// The address that `cargo stack` answers at, and no verification.
    fn default() -> Settings {
        Settings { gateway_url: "http://127.0.0.1:3000".to_owned(), verify_email: false, faults: false }
    }
}

impl Settings {
    /// The value of a variable that a function declares, unless a parameter behind it was
    /// given by hand.
    pub(crate) fn instead(&self, variable: &str) -> Option<String> {
        match variable {
            "EGRESS_ALLOW_HTTP" => Some("true".to_owned()),
            "EGRESS_ALLOWED_CIDRS" => Some("127.0.0.0/8,::1/128".to_owned()),
            "EMAIL_VERIFICATION" => Some(if self.verify_email { "on" } else { "off" }.to_owned()),
            "LINK_URL" => Some(format!("{}/auth/link", self.gateway_url)),
            _ => None,
        }
    }

    /// The value of a variable that the template leaves empty.
    pub(crate) fn if_empty(variable: &str) -> Option<&'static str> {
        (variable == "MAIL_FROM").then_some("AI Foundry <no-reply@example.com>")
    }
}
