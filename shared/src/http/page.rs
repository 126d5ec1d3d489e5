//! Lists, newest first, cut into pages. A cursor says where a page ended; it is signed, and bound
//! to the list and the caller's organisation that it came from.

use axum::extract::FromRequestParts;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use serde::Serialize;

use crate::problem::{Kind, Problem};
use crate::secret::{Keeper, KeyRing, Purpose};

/// One page of a list.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Page<T> {
    /// What is on it, newest first.
    pub data: Vec<T>,
    /// Where the next page begins; null when this is the last one.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Cuts `found`, which has one more than `limit` when there is a next page, and shows each.
    pub fn cut<F, P: ToString>(
        mut found: Vec<F>,
        limit: u16,
        cursors: &Cursors<'_>,
        position: impl Fn(&F) -> P,
        show: impl FnMut(F) -> T,
    ) -> Self {
        let more = found.len() > usize::from(limit);
        found.truncate(usize::from(limit));
        let next_cursor = found.last().filter(|_| more).map(|last| cursors.seal(&position(last)));
        Self { data: found.into_iter().map(show).collect(), next_cursor }
    }
}

/// Which page is asked for: `?limit=` 1 to 100 (20), `?cursor=` from the page before.
#[derive(Debug, PartialEq, Eq)]
pub struct PageQuery {
    /// How many at the most.
    pub limit: u16,
    /// Where it begins; see [`Cursors::open`].
    pub cursor: Option<String>,
}

/// A parameter of a query beside those of the page: its name and value.
pub type Given = (&'static str, String);

impl PageQuery {
    const LIMIT_DEFAULT: u16 = 20;
    const LIMIT_MAX: u16 = 100;

    /// The page, and whether the query has `flag=true` beside it.
    pub fn parse_with(query: &str, flag: &str) -> Result<(Self, bool), Problem> {
        let given = format!("{flag}=true");
        let (flags, rest): (Vec<_>, Vec<_>) = query.split('&').partition(|part| *part == given);
        Ok((Self::parse(&rest.join("&"))?, !flags.is_empty()))
    }

    /// The page, and those of `beside` that are given, in the order of the names: a query has each once.
    pub fn parse_beside(query: &str, beside: &[&'static str]) -> Result<(Self, Vec<Given>), Problem> {
        let mut given = Vec::new();
        let mut rest = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let Some(known) = beside.iter().copied().find(|known| *known == name) else {
                rest.append_pair(&name, &value);
                continue;
            };
            if given.iter().any(|(before, _)| *before == known) {
                let why = format_args!("the query has `{known}` twice");
                return Err(Problem::because(Kind::InvalidRequest, why));
            }
            given.push((known, value.into_owned()));
        }
        given.sort_unstable();
        Ok((Self::parse(&rest.finish())?, given))
    }

    fn parse(query: &str) -> Result<Self, Problem> {
        let bad = |why: String| Problem::because(Kind::InvalidRequest, why);
        let mut page = Self { limit: Self::LIMIT_DEFAULT, cursor: None };
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=Self::LIMIT_MAX).contains(limit));
                    page.limit = limit
                        .ok_or_else(|| bad(format!("`limit` is a number from 1 to {}", Self::LIMIT_MAX)))?;
                }
                "cursor" => page.cursor = Some(value.into_owned()),
                other => {
                    let other: String = other.chars().take(64).collect();
                    return Err(bad(format!("there is no query parameter `{other}` here")));
                }
            }
        }
        Ok(page)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PageQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }
}

/// Makes and reads the cursors of one list.
pub struct Cursors<'a> {
    ring: &'a KeyRing,
    list: String,
}

impl<'a> Cursors<'a> {
    const TAG_BYTES: usize = 16;

    /// The cursors of `list`: a name that holds all that the list depends on, the organisation included.
    pub fn of(ring: &'a KeyRing, list: impl ToString) -> Self {
        Self { ring, list: list.to_string() }
    }

    fn message(&self, position: &str) -> Vec<u8> {
        // The length keeps list and position apart.
        format!("{}\n{}\n{position}", self.list.len(), self.list).into_bytes()
    }

    /// A cursor for the page after `position`.
    pub fn seal(&self, position: &impl ToString) -> String {
        let position = position.to_string();
        let tag = self.ring.current().derive(Purpose::Cursor).tag(&self.message(&position));
        let mut bytes = tag[..Self::TAG_BYTES].to_vec();
        bytes.extend_from_slice(position.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position that a cursor of this list stands for. It does not name its key: where none at hand made it,
    /// there may be a newer one.
    pub async fn open<T: std::str::FromStr>(
        &self,
        cursor: Option<&str>,
        keys: &Keeper,
    ) -> Result<Option<T>, Problem> {
        let Some(cursor) = cursor else { return Ok(None) };
        let position = match self.position(cursor, self.ring) {
            Some(position) => Some(position),
            None => self.position(cursor, &*keys.ring_again().await),
        };
        position
            .map(Some)
            .ok_or_else(|| Problem::because(Kind::InvalidRequest, "`cursor` is not from this list"))
    }

    fn position<T: std::str::FromStr>(&self, cursor: &str, ring: &KeyRing) -> Option<T> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (tag, position) = bytes.split_at_checked(Self::TAG_BYTES)?;
        let position = std::str::from_utf8(position).ok()?;
        let message = self.message(position);
        let genuine = ring.all().iter().any(|key| key.derive(Purpose::Cursor).verifies(&message, tag));
        genuine.then(|| position.parse().ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(kid: &str) -> KeyRing {
        let key = format!("0123456789abcdefghijklmnopqrstuv{kid}");
        KeyRing::parse(&format!(r#"{{"kid":"{kid}","key":"{key}"}}"#)).unwrap()
    }

    #[test]
    fn a_cursor_opens_on_its_own_list_only() {
        let ring = ring("k1");
        let cursor = Cursors::of(&ring, "org_1 keys").seal(&42);
        assert_eq!(Cursors::of(&ring, "org_1 keys").position(&cursor, &ring), Some(42));
        for list in ["org_2 keys", "org_1 webhooks", "org_1 keys\n"] {
            assert_eq!(Cursors::of(&ring, list).position::<u32>(&cursor, &ring), None, "{list}");
        }
    }

    #[test]
    fn a_made_up_cursor_is_refused() {
        let ring = ring("k1");
        let foreign = Cursors::of(&self::ring("k2"), "list").seal(&42);
        for cursor in ["", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "=", &foreign] {
            assert_eq!(Cursors::of(&ring, "list").position::<u32>(cursor, &ring), None, "{cursor}");
        }
    }

    #[test]
    fn limits_and_names_of_the_query_are_checked() {
        assert_eq!(PageQuery::parse("").ok(), Some(PageQuery { limit: 20, cursor: None }));
        assert_eq!(
            PageQuery::parse("limit=100&cursor=a").ok(),
            Some(PageQuery { limit: 100, cursor: Some("a".into()) })
        );
        for wrong in ["limit=0", "limit=101", "limit=-1", "limit=ten", "limit=", "page=2"] {
            assert_eq!(
                PageQuery::parse(wrong).err().map(|problem| problem.kind),
                Some(Kind::InvalidRequest),
                "{wrong}"
            );
        }
    }
}
