//! What a receiver wrote, as text that a log and a terminal can show.

/// The start of `bytes` as text of at most `bytes_max` bytes. What is not UTF-8 and control characters other
/// than line feed and tab become U+FFFD; a character that the limit would cut is left out.
pub(super) fn readable(bytes: &[u8], bytes_max: usize) -> String {
    let mut text = String::with_capacity(bytes.len().min(bytes_max));
    for character in characters(&bytes[..whole(bytes, bytes_max)]) {
        if text.len() + character.len_utf8() > bytes_max {
            break;
        }
        text.push(character);
    }
    text
}

fn characters(bytes: &[u8]) -> impl Iterator<Item = char> {
    bytes.utf8_chunks().flat_map(|chunk| {
        let broken = (!chunk.invalid().is_empty()).then_some(char::REPLACEMENT_CHARACTER);
        chunk.valid().chars().map(shown).chain(broken)
    })
}

fn shown(character: char) -> char {
    let control = character.is_control() && !matches!(character, '\n' | '\t');
    if control { char::REPLACEMENT_CHARACTER } else { character }
}

/// How many bytes to take so that the cut is not in the middle of a character. Nothing is cut from what fits:
/// there, half a character is what the receiver sent.
fn whole(bytes: &[u8], bytes_max: usize) -> usize {
    if bytes.len() <= bytes_max {
        return bytes.len();
    }
    let half_character = bytes[..bytes_max].utf8_chunks().last().map_or(0, |last| {
        let cut_short = std::str::from_utf8(last.invalid()).is_err_and(|e| e.error_len().is_none());
        if cut_short { last.invalid().len() } else { 0 }
    });
    bytes_max - half_character
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn text_that_fits_is_kept_as_it_is() {
        assert_eq!(readable("größer\n\tals €".as_bytes(), 1024), "größer\n\tals €");
    }

    #[test]
    fn control_characters_and_broken_bytes_are_replaced() {
        assert_eq!(
            readable(b"a\0b\x1b[31mc\r\nd\xff\xc3(\x7f\xc2\x85", 1024),
            "a\u{fffd}b\u{fffd}[31mc\u{fffd}\nd\u{fffd}\u{fffd}(\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn a_character_on_the_limit_is_left_out_and_not_split() {
        let cuts = ["aaa€", "aa€", "a€", "€€"].map(|text| readable(text.as_bytes(), 4));
        assert_eq!(cuts, ["aaa", "aa", "a€", "€"]);
    }

    #[test]
    fn half_a_character_that_was_sent_is_shown_as_broken() {
        assert_eq!(readable(b"a\xe2\x82", 1024), "a\u{fffd}");
    }

    #[test]
    fn replacements_do_not_make_the_text_longer_than_the_limit() {
        assert_eq!(readable(&[0xff; 2000], 1024).len(), 1023);
    }
}
