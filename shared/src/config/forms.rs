//! Settings that have a form: read here, so that a bad one stops the start and not a request.
//! Those that only one function could understand are read there.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use url::Url;

use super::{ConfigError, Settings};
use crate::observe::Dsn;
use crate::problem::Violation;
use crate::rate::RateLimits;
use crate::scope::ModuleName;
use crate::secret::FrontSecrets;

/// Whether an address has to be shown to be one's own before there is an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailVerification {
    /// It has: whoever registers gets a link.
    On,
    /// The account is there at once.
    Off,
}

impl Settings {
    /// `EMAIL_VERIFICATION`.
    pub fn email_verification(&self) -> Result<EmailVerification, ConfigError> {
        let name = "EMAIL_VERIFICATION";
        match self.require(name)? {
            "on" => Ok(EmailVerification::On),
            "off" => Ok(EmailVerification::Off),
            other => Err(ConfigError::bad(name, format_args!("`{other}` is neither `on` nor `off`"))),
        }
    }

    /// `RATE_LIMITS`: the defaults, as it changes them.
    pub fn rate_limits(&self) -> Result<RateLimits, ConfigError> {
        let name = "RATE_LIMITS";
        self.get(name).unwrap_or_default().parse().map_err(|why| ConfigError::bad(name, why))
    }

    /// `ORIGIN_SECRETS`: what the front has to send, if there has to be one.
    pub fn origin_secrets(&self) -> Result<Option<FrontSecrets>, ConfigError> {
        let name = "ORIGIN_SECRETS";
        self.get(name).map(str::parse).transpose().map_err(|why| ConfigError::bad(name, why))
    }

    /// `EXTRA_MODULES`: the modules that an operator added to ours.
    pub fn extra_modules(&self) -> Result<BTreeSet<ModuleName>, ConfigError> {
        let bad = |text: &str, why: &str| ConfigError::bad("EXTRA_MODULES", format_args!("`{text}`: {why}"));
        let mut modules = BTreeSet::new();
        for text in self.get("EXTRA_MODULES").into_iter().flat_map(|texts| texts.split(',')) {
            let text = text.trim();
            let module: ModuleName =
                text.parse().map_err(|violation: Violation| bad(text, &violation.detail))?;
            if module.is_built_in() {
                return Err(bad(text, "is built in"));
            }
            if !modules.insert(module) {
                return Err(bad(text, "is there twice"));
            }
        }
        Ok(modules)
    }

    /// `DNS_RESOLVER`: whom to ask instead of the system's resolver.
    pub fn dns_resolver(&self) -> Result<Option<SocketAddr>, ConfigError> {
        let Some(text) = self.get("DNS_RESOLVER") else { return Ok(None) };
        let resolver = text.parse().ok().filter(|resolver: &SocketAddr| resolver.port() != 0);
        let why = format_args!("`{text}` is no address with a port, such as `1.1.1.1:53` or `[::1]:53`");
        resolver.map(Some).ok_or_else(|| ConfigError::bad("DNS_RESOLVER", why))
    }

    /// `MAIL_FROM`: what mails say they come from.
    pub fn mail_from(&self) -> Result<&str, ConfigError> {
        let text = self.require("MAIL_FROM")?;
        let (name, address) = match text.split_once(" <") {
            Some((name, rest)) => (name, rest.strip_suffix('>').unwrap_or_default()),
            None => ("-", text),
        };
        let plain = |part: &str| !part.is_empty() && !part.contains(['<', '>', '@']);
        let one_address = address.split_once('@').is_some_and(|(local, domain)| {
            plain(local) && plain(domain) && domain.contains('.') && !address.contains([',', ' '])
        });
        // SES takes nothing else in a name; a line break would begin a header of its own.
        if plain(name) && one_address && text.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
            return Ok(text);
        }
        Err(ConfigError::bad("MAIL_FROM", format_args!("`{text}` is neither `address` nor `Name <address>`")))
    }

    /// `SENTRY_DSN`: where errors are reported.
    pub fn sentry(&self) -> Result<Option<Dsn>, ConfigError> {
        let name = "SENTRY_DSN";
        // Not with the text: who has it can report what never happened.
        self.get(name).map(Dsn::parse).transpose().map_err(|why| ConfigError::bad(name, why))
    }

    /// `OTEL_EXPORTER_OTLP_ENDPOINT`: the base of a collector's addresses.
    pub fn collector(&self) -> Result<Option<Url>, ConfigError> {
        let Some(text) = self.get("OTEL_EXPORTER_OTLP_ENDPOINT") else { return Ok(None) };
        let url = Url::parse(text).ok().filter(|url| {
            let plain = url.username().is_empty() && url.password().is_none();
            matches!(url.scheme(), "https" | "http")
                && plain
                && url.query().is_none()
                && url.fragment().is_none()
        });
        let why = "is no http or https address without a name, a query and a fragment";
        url.map(Some).ok_or_else(|| ConfigError::bad("OTEL_EXPORTER_OTLP_ENDPOINT", why))
    }

    /// `LINK_URL`: the page that links in mails open. The fragment is left to what they say.
    pub fn link_url(&self) -> Result<Url, ConfigError> {
        let name = "LINK_URL";
        let url = Url::parse(self.require(name)?).map_err(|error| ConfigError::bad(name, error))?;
        let bad = |why: &str| Err(ConfigError::bad(name, format_args!("`{url}` {why}")));
        if !matches!(url.scheme(), "https" | "http") {
            return bad("is neither https nor http");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return bad("has a name or a password in it, which every reader of a mail would see");
        }
        if url.fragment().is_some() {
            return bad("has a fragment, where the token has to stand");
        }
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `read` makes of a function's settings, of which one is `value`.
    fn with<T>(
        function: &str,
        name: &str,
        value: &str,
        read: impl Fn(&Settings) -> Result<T, ConfigError>,
    ) -> Result<T, String> {
        let given = |asked: &str| Some(if asked == name { value } else { "given" }.to_owned());
        read(&Settings::read(function, given).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn verification_is_on_or_off_and_nothing_else() {
        let read = |value| with("auth", "EMAIL_VERIFICATION", value, Settings::email_verification);
        assert_eq!((read("on"), read("off")), (Ok(EmailVerification::On), Ok(EmailVerification::Off)));
        for odd in ["true", "On", "yes"] {
            let message = format!("cannot start: EMAIL_VERIFICATION: `{odd}` is neither `on` nor `off`");
            assert_eq!(read(odd), Err(message));
        }
    }

    #[test]
    fn a_bad_limit_or_secret_of_the_front_stops_the_start() {
        let read = |value| with("webhooks", "RATE_LIMITS", value, Settings::rate_limits);
        assert_eq!(read(""), Ok(RateLimits::default()));
        assert_eq!(read("*.*=off"), Ok(RateLimits::off()));
        let why = "`tenant` is none of principal, address and *";
        assert_eq!(read("read.tenant=1/1"), Err(format!("cannot start: RATE_LIMITS: {why}")));

        let read = |value| {
            with("webhooks", "ORIGIN_SECRETS", value, |settings| Ok(settings.origin_secrets()?.is_some()))
        };
        assert_eq!((read(""), read("Zq8Wn3Xe7Rv2Ty6Ui1Op5As9Df4Gh0Jk")), (Ok(false), Ok(true)));
        let why = "each value has 32 to 128 characters, of letters, digits, `-` and `_`";
        assert_eq!(read("short"), Err(format!("cannot start: ORIGIN_SECRETS: {why}")));
    }

    #[test]
    fn modules_are_words_that_are_there_once_and_not_ours() {
        let read = |value| with("organizations", "EXTRA_MODULES", value, Settings::extra_modules);
        let names = |value| read(value).map(|all| all.iter().map(|name| name.as_str().to_owned()).collect());
        assert_eq!(names(""), Ok(vec![]));
        assert_eq!(names("chat_2, billing"), Ok(vec!["billing".to_owned(), "chat_2".to_owned()]));
        for (odd, why) in [
            ("billing,webhooks", "`webhooks`: is built in"),
            ("audit", "`audit`: is built in"),
            ("billing,billing", "`billing`: is there twice"),
            ("Billing", "`Billing`: a module is a lower-case word of at most 40 characters"),
            ("billing,,chat", "``: a module is a lower-case word of at most 40 characters"),
        ] {
            assert_eq!(names(odd), Err(format!("cannot start: EXTRA_MODULES: {why}")));
        }
    }

    #[test]
    fn a_resolver_is_an_address_and_a_port() {
        let read = |value| with("organizations", "DNS_RESOLVER", value, Settings::dns_resolver);
        assert_eq!(read(""), Ok(None));
        for good in ["1.1.1.1:53", "[2606:4700:4700::1111]:5353"] {
            assert_eq!(read(good), Ok(Some(good.parse().unwrap())));
        }
        for odd in ["1.1.1.1", "1.1.1.1:0", "dns.example.com:53", "1.1.1.1:70000", "::1:53:"] {
            let why = format!("`{odd}` is no address with a port, such as `1.1.1.1:53` or `[::1]:53`");
            assert_eq!(read(odd), Err(format!("cannot start: DNS_RESOLVER: {why}")));
        }
    }

    #[test]
    fn a_sender_is_an_address_or_a_name_with_an_address() {
        let read = |value: &str| {
            with("mailer", "MAIL_FROM", value, |settings| settings.mail_from().map(str::to_owned))
        };
        for good in ["no-reply@acme.com", "AI Foundry <no-reply@acme.com>", "\"Acme, Inc.\" <a.b+c@acme.com>"]
        {
            assert_eq!(read(good), Ok(good.to_owned()));
        }
        for odd in [
            "acme.com",
            "a@acme",
            "@acme.com",
            "<a@acme.com>",
            "Acme a@acme.com",
            "Acme <a@acme.com",
            "Acme <a@acme.com> <b@acme.com>",
            "Ac@me <a@acme.com>",
            "a@acme.com, b@acme.com",
            "a@acme.com\r\nBcc: b@acme.com",
            "Zoë <a@acme.com>",
        ] {
            let why = format!("`{odd}` is neither `address` nor `Name <address>`");
            assert_eq!(read(odd), Err(format!("cannot start: MAIL_FROM: {why}")));
        }
    }

    #[test]
    fn the_page_of_links_is_an_absolute_address_without_a_fragment() {
        let read =
            |value: &str| with("mailer", "LINK_URL", value, |settings| settings.link_url().map(String::from));
        for good in ["https://app.acme.com/link?from=mail", "http://127.0.0.1:3000/auth/link"] {
            assert_eq!(read(good), Ok(good.to_owned()));
        }
        for (odd, why) in [
            ("/auth/link", "relative URL without a base"),
            ("ftp://acme.com/", "`ftp://acme.com/` is neither https nor http"),
            (
                "https://me:secret@acme.com/",
                "`https://me:secret@acme.com/` has a name or a password in it, which every reader of a mail would see",
            ),
            (
                "https://acme.com/#home",
                "`https://acme.com/#home` has a fragment, where the token has to stand",
            ),
        ] {
            assert_eq!(read(odd), Err(format!("cannot start: LINK_URL: {why}")));
        }
    }

    #[test]
    fn collector_and_sentry_are_addresses_or_nothing() {
        let collector = |value| {
            with("auth", "OTEL_EXPORTER_OTLP_ENDPOINT", value, |s| {
                s.collector().map(|url| url.map(String::from))
            })
        };
        let sentry = |value| with("auth", "SENTRY_DSN", value, |s| s.sentry().map(|dsn| dsn.is_some()));
        assert_eq!((collector(""), sentry("")), (Ok(None), Ok(false)));
        assert_eq!(sentry("https://abc@o1.ingest.sentry.io/42"), Ok(true));
        let good = "http://127.0.0.1:4318/";
        assert_eq!(collector(good), Ok(Some(good.to_owned())));
        for odd in
            ["127.0.0.1:4318", "grpc://host", "https://me:secret@host", "https://host?a=b", "https://host#a"]
        {
            let why = "is no http or https address without a name, a query and a fragment";
            assert_eq!(collector(odd), Err(format!("cannot start: OTEL_EXPORTER_OTLP_ENDPOINT: {why}")));
        }
        let why = "cannot start: SENTRY_DSN: ends in no project, which is a number";
        assert_eq!(sentry("https://abc@host/project"), Err(why.to_owned()));
    }

    #[test]
    fn what_is_required_and_has_a_form_is_not_guessed() {
        let nothing = Settings { values: Vec::new() };
        for (name, error) in [
            ("EMAIL_VERIFICATION", nothing.email_verification().unwrap_err()),
            ("MAIL_FROM", nothing.mail_from().unwrap_err()),
            ("LINK_URL", nothing.link_url().unwrap_err()),
        ] {
            assert_eq!(error, ConfigError::bad(name, "is missing"));
        }
    }
}
