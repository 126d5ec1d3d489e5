//! X-Ray's tracing header: `Root=1-58406520-a006649127e371903a2de979;Parent=4c721bf33e3caf8f;Sampled=1`.
//!
//! Lambda gives one with each invocation. In a message to SQS it is the system attribute `AWSTraceHeader`, which
//! costs nothing and does not count as an attribute of ours; X-Ray then draws sender and consumer as one.

/// The header of one invocation or message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XRay(String);

impl XRay {
    /// The system attribute of SQS that carries it.
    pub const ATTRIBUTE: &str = "AWSTraceHeader";
    /// Longer than any that Lambda gives, `Lineage` and `Self` included.
    const CHARS_MAX: usize = 512;

    /// From the text, if it names a trace.
    pub fn parse(text: &str) -> Option<Self> {
        let header = Self(text.to_owned());
        (text.len() <= Self::CHARS_MAX && header.trace_id().is_some()).then_some(header)
    }

    /// That of the invocation that is running, if tracing is on: the runtime sets the variable anew for each.
    pub fn of_invocation() -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "no setting: Lambda's, and another one each time")]
        let header = std::env::var("_X_AMZN_TRACE_ID").ok()?;
        Self::parse(&header)
    }

    /// The header as it came.
    pub fn header(&self) -> &str {
        &self.0
    }

    /// The trace, as X-Ray names it: `1-58406520-a006649127e371903a2de979`.
    pub fn root(&self) -> &str {
        self.part("Root").unwrap_or_default()
    }

    /// The trace, as W3C names the same.
    pub fn trace_id(&self) -> Option<String> {
        let mut parts = self.part("Root")?.split('-');
        let (version, seconds, rest, more) = (parts.next()?, parts.next()?, parts.next()?, parts.next());
        let id = format!("{seconds}{rest}");
        (version == "1" && more.is_none() && seconds.len() == 8 && super::is_id(&id, 32)).then_some(id)
    }

    /// The span that calls.
    pub(super) fn parent(&self) -> Option<&str> {
        self.part("Parent").filter(|parent| super::is_id(parent, 16))
    }

    fn part(&self, name: &str) -> Option<&str> {
        let mut parts = self.0.split(';').filter_map(|part| part.trim().split_once('='));
        parts.find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a:0";

    #[test]
    fn the_same_trace_has_two_names() {
        let xray = XRay::parse(HEADER).unwrap();
        assert_eq!(xray.header(), HEADER);
        assert_eq!(xray.root(), "1-5759e988-bd862e3fe1be46a994272793");
        assert_eq!(xray.trace_id().as_deref(), Some("5759e988bd862e3fe1be46a994272793"));
        assert_eq!(xray.parent(), Some("53995c3f42cd8ad8"));
    }

    #[test]
    fn what_names_no_trace_is_passed_over() {
        let long = format!("{HEADER};{}", "x".repeat(512));
        for odd in [
            "",
            "Root=",
            "Parent=53995c3f42cd8ad8",
            "Root=2-5759e988-bd862e3fe1be46a994272793",
            "Root=1-5759e988-bd862e3fe1be46a99427279",
            "Root=1-5759e98-8bd862e3fe1be46a994272793",
            "Root=1-5759E988-bd862e3fe1be46a994272793",
            "Root=1-00000000-000000000000000000000000",
            "Root=1-5759e988-bd862e3fe1be46a994272793-1",
            &long,
        ] {
            assert_eq!(XRay::parse(odd), None, "{odd}");
        }
        assert_eq!(XRay::parse("Root=1-5759e988-bd862e3fe1be46a994272793").unwrap().parent(), None);
    }
}
