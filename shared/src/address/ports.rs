//! The ports that may be called, as the operator writes them: `443,8443,1024-65535`.

use std::ops::RangeInclusive;

/// Ports and ranges of ports. Never empty, and never port 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortRanges(Vec<RangeInclusive<u16>>);

/// Why a list of ports was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortsError {
    /// Nothing could ever be sent.
    #[error("it names no port")]
    Empty,
    /// Not a number, or not two with a hyphen between them.
    #[error("`{0}` is neither a port (1 to 65535) nor a range such as `1024-65535`")]
    NotAPort(String),
    /// A range that ends before it starts.
    #[error("the range `{0}` ends before it starts")]
    Backwards(String),
}

impl PortRanges {
    /// What is allowed when nothing is set. The well-known ports other than 443 stay closed: mail, shells and
    /// directories listen there, not receivers.
    pub const DEFAULT: &str = "443,8443,1024-65535";

    /// Reads ports and ranges separated by commas.
    pub fn parse(text: &str) -> Result<Self, PortsError> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let ranges: Vec<_> = items.map(range).collect::<Result<_, _>>()?;
        if ranges.is_empty() { Err(PortsError::Empty) } else { Ok(Self(ranges)) }
    }

    /// Whether a port is in the list.
    pub fn contains(&self, port: u16) -> bool {
        self.0.iter().any(|range| range.contains(&port))
    }
}

impl Default for PortRanges {
    fn default() -> Self {
        Self(vec![443..=443, 8443..=8443, 1024..=u16::MAX])
    }
}

fn range(item: &str) -> Result<RangeInclusive<u16>, PortsError> {
    let (first, last) = item.split_once('-').unwrap_or((item, item));
    let (Some(first), Some(last)) = (port(first), port(last)) else {
        return Err(PortsError::NotAPort(item.to_owned()));
    };
    if first > last { Err(PortsError::Backwards(item.to_owned())) } else { Ok(first..=last) }
}

/// Digits only: `u16::from_str` would also take `+443`.
fn port(text: &str) -> Option<u16> {
    let text = text.trim();
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}

#[cfg(test)]
mod tests {
    use super::{PortRanges, PortsError};

    #[test]
    fn ports_and_ranges_are_read_and_their_edges_belong_to_them() {
        let ports = PortRanges::parse(" 443, 8000-8100 ,65535").unwrap();
        let inside: Vec<u16> = [0, 80, 442, 443, 444, 7999, 8000, 8050, 8100, 8101, 65534, 65535]
            .into_iter()
            .filter(|port| ports.contains(*port))
            .collect();
        assert_eq!(inside, [443, 8000, 8050, 8100, 65535]);
    }

    #[test]
    fn the_default_is_what_its_text_says() {
        assert_eq!(PortRanges::parse(PortRanges::DEFAULT), Ok(PortRanges::default()));
    }

    #[test]
    fn a_bad_list_is_refused_by_the_name_of_its_bad_item() {
        let refused = ["", " , ", "443,https", "0", "65536", "+443", "-1", "1-2-3", "443,9000-8000"]
            .map(|text| PortRanges::parse(text).map_err(|error| error.to_string()));
        let not_a_port = |item: &str| Err(PortsError::NotAPort(item.to_owned()).to_string());
        assert_eq!(
            refused,
            [
                Err("it names no port".to_owned()),
                Err("it names no port".to_owned()),
                Err("`https` is neither a port (1 to 65535) nor a range such as `1024-65535`".to_owned()),
                not_a_port("0"),
                not_a_port("65536"),
                not_a_port("+443"),
                not_a_port("-1"),
                not_a_port("1-2-3"),
                Err("the range `9000-8000` ends before it starts".to_owned()),
            ]
        );
    }
}
