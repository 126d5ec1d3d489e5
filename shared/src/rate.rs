//! How often routes may be called: the class that a route belongs to, by whom each class is counted, how many
//! calls that is, and how a deployment says otherwise (`RATE_LIMITS`).
//!
//! Only numbers are here: `limit` counts, and `router` asks.

use std::fmt;
use std::str::FromStr;

/// What a route is like: those of one class share their limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Whoever calls has shown nothing yet and asks for something: registering, logging in, links of mails.
    Auth,
    /// Anybody may read it.
    Public,
    /// Reads.
    Read,
    /// Makes, changes or deletes.
    Write,
    /// Publishes events.
    Publish,
    /// Asks about a credential that somebody else has sent.
    Verify,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Auth, Self::Public, Self::Read, Self::Write, Self::Publish, Self::Verify];

    /// Its word in `RATE_LIMITS`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Public => "public",
            Self::Read => "read",
            Self::Write => "write",
            Self::Publish => "publish",
            Self::Verify => "verify",
        }
    }

    /// Whether every call is counted in the table before it goes on, and none goes on while the table does not
    /// answer. Of the others a process lets a few through by its own count.
    pub const fn is_exact(self) -> bool {
        matches!(self, Self::Auth)
    }

    /// Whether it is known who calls.
    const fn has_principals(self) -> bool {
        match self {
            Self::Auth | Self::Public => false,
            Self::Read | Self::Write | Self::Publish | Self::Verify => true,
        }
    }
}

/// Who is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A person or an API key.
    Principal,
    /// Where the call comes from.
    Address,
}

impl By {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Principal, Self::Address];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Principal => "principal",
            Self::Address => "address",
        }
    }
}

/// So many calls within any span of so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many: 1 to [`Rate::LIMIT_MAX`].
    pub limit: u32,
    /// How long the span is, in seconds: 1 to [`Rate::SECONDS_MAX`].
    pub seconds: u32,
}

impl Rate {
    const LIMIT_MAX: u32 = 1_000_000;
    const SECONDS_MAX: u32 = 3600;

    const fn a_minute(limit: u32) -> Self {
        Self { limit, seconds: 60 }
    }
}

impl FromStr for Rate {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let whole = |text: &str, most: u32| {
            let number: u32 = text.parse().map_err(|_| ())?;
            let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (1..=most).contains(&number);
            plain.then_some(number).ok_or(())
        };
        let (limit, seconds) = text.split_once('/').ok_or(())?;
        Ok(Self { limit: whole(limit, Self::LIMIT_MAX)?, seconds: whole(seconds, Self::SECONDS_MAX)? })
    }
}

/// The limits of a deployment: of each class, by each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimits([[Option<Rate>; By::ALL.len()]; Class::ALL.len()]);

impl Default for RateLimits {
    /// What one program or person may reasonably do. Together with the gateway's own limit, no caller takes
    /// the whole deployment; an office behind one address has several times as much as one person.
    fn default() -> Self {
        let minute = |limit| Some(Rate::a_minute(limit));
        let of = |class| match class {
            Class::Auth => [None, minute(300)],
            Class::Public => [None, minute(600)],
            Class::Read => [minute(1_200), minute(6_000)],
            Class::Write => [minute(600), minute(3_000)],
            Class::Publish | Class::Verify => [minute(6_000), minute(12_000)],
        };
        Self(Class::ALL.map(of))
    }
}

/// Why a text does not say limits.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RateLimitsError {
    /// It is no row.
    #[error(
        "`{0}`: expected rows such as `read.principal=1200/60`, calls within seconds, or `read.principal=off`"
    )]
    Row(String),
    /// It is about no class.
    #[error("`{0}` is none of auth, public, read, write, publish, verify and *")]
    Class(String),
    /// It is about nobody who is counted.
    #[error("`{0}` is none of principal, address and *")]
    By(String),
    /// It is no rate.
    #[error("`{0}`: expected `off`, or 1 to 1000000 calls and 1 to 3600 seconds such as `1200/60`")]
    Rate(String),
    /// There is nobody to count yet.
    #[error("`{0}.principal`: routes of this class do not know who calls; only `{0}.address` counts")]
    Nobody(&'static str),
    /// It is there twice.
    #[error("`{0}` is there twice")]
    Twice(String),
}

/// Those that a word means: one of `all`, or every one.
fn meant<T: Copy>(word: &str, all: &[T], name: fn(T) -> &'static str) -> Vec<T> {
    all.iter().copied().filter(|one| word == "*" || word == name(*one)).collect()
}

impl RateLimits {
    /// None at all: for measurements of something else.
    pub fn off() -> Self {
        Self([[None; By::ALL.len()]; Class::ALL.len()])
    }

    /// The limit of a class, by one of both; `None` where there is none.
    pub fn of(&self, class: Class, by: By) -> Option<Rate> {
        self.0[class as usize][by as usize]
    }

    fn set(&mut self, (class, by): (&str, &str), rate: Option<Rate>) -> Result<(), RateLimitsError> {
        let classes = meant(class, &Class::ALL, Class::as_str);
        if classes.is_empty() {
            return Err(RateLimitsError::Class(class.to_owned()));
        }
        let who = meant(by, &By::ALL, By::as_str);
        if who.is_empty() {
            return Err(RateLimitsError::By(by.to_owned()));
        }
        for one in classes {
            for by_one in &who {
                let nobody = *by_one == By::Principal && !one.has_principals();
                if nobody && class != "*" && by != "*" {
                    return Err(RateLimitsError::Nobody(one.as_str()));
                }
                if !nobody {
                    self.0[one as usize][*by_one as usize] = rate;
                }
            }
        }
        Ok(())
    }
}

impl FromStr for RateLimits {
    type Err = RateLimitsError;

    /// The default, as the rows change it: each `class.by=calls/seconds` or `class.by=off`, separated by commas.
    /// `*` stands for every class or for both; later rows change what earlier ones said.
    fn from_str(text: &str) -> Result<Self, RateLimitsError> {
        let mut limits = Self::default();
        let mut said = Vec::new();
        for row in text.split(',').map(str::trim).filter(|row| !row.is_empty()) {
            let bad = || RateLimitsError::Row(row.to_owned());
            let (left, rate) = row.split_once('=').ok_or_else(bad)?;
            let (class, by) = left.split_once('.').ok_or_else(bad)?;
            let rate = match rate {
                "off" => None,
                rate => Some(rate.parse().map_err(|()| RateLimitsError::Rate(rate.to_owned()))?),
            };
            if said.contains(&left) {
                return Err(RateLimitsError::Twice(left.to_owned()));
            }
            said.push(left);
            limits.set((class, by), rate)?;
        }
        Ok(limits)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.limit, self.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(text: &str) -> Vec<String> {
        let limits: RateLimits = text.parse().unwrap();
        let rows = Class::ALL.into_iter().flat_map(|class| By::ALL.map(|by| (class, by)));
        rows.filter_map(|(class, by)| {
            let rate = limits.of(class, by)?;
            Some(format!("{}.{}={rate}", class.as_str(), by.as_str()))
        })
        .collect()
    }

    #[test]
    fn without_a_word_the_defaults_hold() {
        let expected = [
            "auth.address=300/60",
            "public.address=600/60",
            "read.principal=1200/60",
            "read.address=6000/60",
            "write.principal=600/60",
            "write.address=3000/60",
            "publish.principal=6000/60",
            "publish.address=12000/60",
            "verify.principal=6000/60",
            "verify.address=12000/60",
        ];
        assert_eq!(rates(""), expected);
        // What is printed is what is read.
        assert_eq!(rates(&expected.join(", ")), expected);
    }

    #[test]
    fn a_row_changes_one_limit_and_a_star_many() {
        assert_eq!(rates("*.*=off"), [""; 0]);
        assert_eq!(rates("*.*=off,read.principal=5/1"), ["read.principal=5/1"]);
        let by_address: Vec<_> = Class::ALL.map(|class| format!("{}.address=9/2", class.as_str())).into();
        assert_eq!(rates("*.*=off,*.address=9/2"), by_address);
        assert_eq!(rates("*.*=off , auth.*=7/3600,"), ["auth.address=7/3600"]);
        assert_eq!(rates("*.address=off,*.principal=off"), [""; 0]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |text: &str| text.parse::<RateLimits>().unwrap_err().to_string();
        let row =
            "expected rows such as `read.principal=1200/60`, calls within seconds, or `read.principal=off`";
        for odd in ["read", "read=1/1", "read.principal", "read.principal:1/1"] {
            assert_eq!(error(odd), format!("`{odd}`: {row}"));
        }
        let rate = "expected `off`, or 1 to 1000000 calls and 1 to 3600 seconds such as `1200/60`";
        for odd in ["", "0/60", "1/0", "+1/1", "1000001/1", "1/3601", "1/60/1", "-1/2", "ten/1", "1", "OFF"] {
            assert_eq!(error(&format!("read.principal={odd}")), format!("`{odd}`: {rate}"));
        }
        assert_eq!(
            error("reads.address=1/1"),
            "`reads` is none of auth, public, read, write, publish, verify and *"
        );
        assert_eq!(error("read.tenant=1/1"), "`tenant` is none of principal, address and *");
        assert_eq!(
            error("auth.principal=1/1"),
            "`auth.principal`: routes of this class do not know who calls; only `auth.address` counts"
        );
        assert_eq!(error("read.address=1/1,read.address=off"), "`read.address` is there twice");
    }
}
