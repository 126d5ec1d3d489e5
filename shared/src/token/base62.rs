//! Fixed-width base 62 (`0-9A-Za-z`), the alphabet of API keys: one word to a double click.

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// `bytes`, as one big-endian number, in exactly `width` digits. `width` has to be enough.
pub(super) fn encode(bytes: &[u8], width: usize) -> String {
    let mut number = bytes.to_vec();
    let mut digits = vec![b'0'; width];
    for place in digits.iter_mut().rev() {
        let mut rest = 0_u32;
        for byte in &mut number {
            let value = (rest << 8) | u32::from(*byte);
            // A remainder below 62 keeps the quotient within one byte.
            *byte = u8::try_from(value / 62).unwrap_or(u8::MAX);
            rest = value % 62;
        }
        *place = DIGITS[rest as usize];
    }
    digits.into_iter().map(char::from).collect()
}

/// The number behind `text`; `None` when a digit is wrong or it does not fit.
pub(super) fn decode_u128(text: &str) -> Option<u128> {
    text.bytes().try_fold(0_u128, |number, byte| {
        let digit = DIGITS.iter().position(|known| *known == byte)?;
        number.checked_mul(62)?.checked_add(digit as u128)
    })
}

/// Whether every character is a digit.
pub(super) fn is_base62(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_widths_hold_at_both_ends() {
        for number in [0, 1, 61, 62, u128::from(u64::MAX), u128::MAX] {
            let text = encode(&number.to_be_bytes(), 22);
            assert_eq!((text.len(), decode_u128(&text)), (22, Some(number)));
        }
        assert_eq!(encode(&[255; 32], 43).len(), 43);
        assert_ne!(encode(&[255; 32], 43), encode(&[254; 32], 43));
        assert_eq!(encode(&u32::MAX.to_be_bytes(), 6), "4gfFC3");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(decode_u128(&"z".repeat(22)), None);
        assert_eq!(decode_u128("a-b"), None);
    }
}
