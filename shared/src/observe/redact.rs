//! A second fence around texts that others wrote: causes of errors quote what was sent. Nobody should put a secret
//! into a log; this is for when a library does.

/// How keys, signing secrets and refresh tokens of ours begin, and access tokens as any JSON Web Token does.
const SECRETS: [&str; 5] = ["aif_live_", "aif_test_", "whsec_", "rt_", "eyJ"];

/// The text without e-mail addresses and credentials, and not longer than anybody wants to read.
pub fn redacted(text: &str) -> String {
    const CHARS_MAX: usize = 4000;
    let mut out = String::with_capacity(text.len().min(CHARS_MAX));
    let mut word = String::new();
    for character in text.chars().take(CHARS_MAX) {
        if character.is_whitespace() || "\"'`<>(){}[],;:=&?#/|".contains(character) {
            push(&mut out, &word);
            word.clear();
            out.push(character);
        } else {
            word.push(character);
        }
    }
    push(&mut out, &word);
    out
}

fn push(out: &mut String, word: &str) {
    let address =
        word.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'));
    let secret = SECRETS.iter().any(|prefix| word.len() > prefix.len() + 8 && word.starts_with(prefix));
    out.push_str(match (address, secret) {
        (true, _) => "[address]",
        (_, true) => "[secret]",
        (false, false) => word,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_credentials_go_and_the_rest_stays() {
        for (text, expected) in [
            (
                "MessageRejected: Email address is not verified. The following identities failed the check in region US-EAST-1: ada@example.com, Bob <bob+x@mail.example.org>",
                "MessageRejected: Email address is not verified. The following identities failed the check in region US-EAST-1: [address], Bob <[address]>",
            ),
            ("Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.abc", "Authorization: Bearer [secret]"),
            ("key=aif_live_0123456789abcdef&x=1", "key=[secret]&x=1"),
            ("`whsec_c2VjcmV0c2VjcmV0`", "`[secret]`"),
            (
                "whsec_ is a prefix, and @ alone is no address",
                "whsec_ is a prefix, and @ alone is no address",
            ),
            ("the table does not answer: dispatch failure", "the table does not answer: dispatch failure"),
        ] {
            assert_eq!(redacted(text), expected);
        }
        assert_eq!(redacted(&"é".repeat(5000)), "é".repeat(4000));
    }
}
