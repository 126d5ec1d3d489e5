//! Every setting of every function. README, `.env.example` and `template.yaml` name the same.

use super::Setting;

const ALL: &[&str] = &[
    "auth",
    "organizations",
    "api_keys",
    "webhooks",
    "dispatcher",
    "mailer",
    "authorizer",
    "sweeper",
    "rotator",
    "migrator",
];
/// Those that are called with credentials.
const CALLED: &[&str] = &["auth", "organizations", "api_keys", "webhooks", "authorizer"];
/// Those that answer calls over HTTP.
const SERVING: &[&str] = &["auth", "organizations", "api_keys", "webhooks"];
/// Those that count against limits.
const COUNTING: &[&str] = &["auth", "organizations", "api_keys", "webhooks", "dispatcher", "authorizer"];
const AUTH: &[&str] = &["auth"];
const ORGANIZATIONS: &[&str] = &["organizations"];
const ASKING_FOR_MAIL: &[&str] = &["auth", "organizations", "api_keys", "dispatcher"];
const MAILER: &[&str] = &["mailer"];
const AUTHORIZER: &[&str] = &["authorizer"];
const PUBLISHING: &[&str] = &["auth", "organizations", "api_keys", "webhooks", "dispatcher", "sweeper"];
const DELIVERING: &[&str] = &["webhooks", "dispatcher"];
const QUEUEING: &[&str] = &["auth", "organizations", "api_keys", "webhooks", "dispatcher", "sweeper"];

const fn required(name: &'static str, read_by: &'static [&'static str], about: &'static str) -> Setting {
    Setting { name, about, required: true, read_by }
}

const fn optional(name: &'static str, read_by: &'static [&'static str], about: &'static str) -> Setting {
    Setting { name, about, required: false, read_by }
}

/// Every setting of every function.
pub const SETTINGS: &[Setting] = &[
    required("STAGE", ALL, "The deployment stage: `dev`, `staging` or `prod`."),
    required("TABLE_NAME", ALL, "Name of the DynamoDB table."),
    required("LIMITS_TABLE_NAME", COUNTING, "Name of the DynamoDB table with the counters of limits."),
    required(
        "SECRET_KEY_ARN",
        ALL,
        "Secrets Manager secret that holds SECRET_KEY: JSON with `kid`, `key` (at least 32 bytes) and, after a rotation, `previous`.",
    ),
    required("JWT_ISSUER", CALLED, "`iss` of the access tokens: a URL or URN of your own."),
    optional(
        "RATE_LIMITS",
        SERVING,
        "How often routes may be called, where the defaults do not fit: rows such as `read.principal=1200/60`, separated by commas.",
    ),
    optional(
        "ORIGIN_SECRETS",
        SERVING,
        "What the front before the API sends in `x-origin-secret`: one value, or two while it is changed; empty lets everybody call the API itself.",
    ),
    required(
        "EMAIL_VERIFICATION",
        AUTH,
        "`on` makes an account only when its address is shown to be one's own; `off` at once, and tells a taken address.",
    ),
    optional("PASSWORD_MIN_LENGTH", AUTH, "How few characters a new password may have: 8 to 64, else 12."),
    optional(
        "BREACHED_PASSWORDS_URL",
        AUTH,
        "A service with the range protocol of Pwned Passwords, such as `https://api.pwnedpasswords.com`; empty asks nobody.",
    ),
    optional(
        "EXTRA_MODULES",
        ORGANIZATIONS,
        "Comma-separated modules that organisations can be given beyond the built-in ones.",
    ),
    optional(
        "DNS_RESOLVER",
        ORGANIZATIONS,
        "Who is asked whether a domain is an organisation's: `address:port`; empty means the system's resolver.",
    ),
    required("MAIL_QUEUE_URL", ASKING_FOR_MAIL, "SQS queue of mails, between whoever asks and the mailer."),
    required("MAIL_FROM", MAILER, "Who mail comes from: `address` or `Name <address>`."),
    required(
        "LINK_URL",
        MAILER,
        "The page that links in mails open: an absolute address. What to do, and the token, follow behind its `#`.",
    ),
    required("DELIVERIES_QUEUE_URL", PUBLISHING, "SQS queue between publish and the dispatcher."),
    required(
        "EGRESS_ALLOW_HTTP",
        DELIVERING,
        "`true` lets webhooks be `http:` addresses. Leave `false` but for local work.",
    ),
    optional(
        "EGRESS_ALLOWED_CIDRS",
        DELIVERING,
        "Comma-separated networks that webhooks may reach although they are not public.",
    ),
    required("EGRESS_ALLOWED_PORTS", DELIVERING, "Comma-separated ports and ranges that webhooks may use."),
    optional(
        "AUTHORIZER_ROUTES",
        AUTHORIZER,
        "What each route of your own API asks for: rows such as `GET /orders=events:read`, separated by `;`.",
    ),
    optional(
        "SENTRY_DSN",
        ALL,
        "Where errors and panics are reported: `https://KEY@HOST/PROJECT`; empty reports to nobody.",
    ),
    optional(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        ALL,
        "A collector that takes spans as OTLP over HTTP, such as `http://collector:4318`; empty sends none.",
    ),
    optional(
        "AWS_ENDPOINT_URL_DYNAMODB",
        ALL,
        "Another address for DynamoDB, for local work; empty means AWS.",
    ),
    optional(
        "AWS_ENDPOINT_URL_SECRETS_MANAGER",
        ALL,
        "Another address for Secrets Manager, for local work; empty means AWS.",
    ),
    optional("AWS_ENDPOINT_URL_SQS", QUEUEING, "Another address for SQS, for local work; empty means AWS."),
    optional("AWS_ENDPOINT_URL_SESV2", MAILER, "Another address for SES, for local work; empty means AWS."),
];
