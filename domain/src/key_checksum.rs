//! The checksum at the end of an access key. Scanners for leaked secrets use it to detect keys.

use crate::entropy::ALPHABET;

/// The number of characters of a checksum: 32 bits in groups of five.
const LENGTH: usize = 7;

/// Computes CRC-32 as in zlib and PNG (ISO 3309). Computes it bit by bit, because keys are short and are rarely
/// created.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
    let byte = |crc, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), step);
    !bytes.iter().fold(u32::MAX, byte)
}

/// Returns the checksum of a text, highest bits first.
pub(crate) fn checksum(text: &str) -> String {
    let crc = u64::from(crc32(text.as_bytes()));
    let groups = (0..LENGTH).rev();
    groups
        .map(|group| char::from(ALPHABET[(crc >> (5 * group) & 31) as usize]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::AccessKey;
    use crate::testing::seeded_entropy;

    #[test]
    fn it_is_the_crc_that_everybody_has() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
        // 0xcbf43926 in groups of five bits: 3 5 31 8 14 9 6.
        assert_eq!(checksum("123456789"), "35z8e96");
    }

    #[test]
    fn every_new_key_ends_with_its_own() {
        let key = AccessKey::generate(&seeded_entropy(1));
        let (text, sum) = key.expose().split_at(key.expose().len() - LENGTH);
        assert_eq!(checksum(text), sum);
        assert_eq!(key.expose().len(), AccessKey::PREFIX.len() + 40 + LENGTH);
        let alphabet = |c: char| ALPHABET.contains(&(c as u8));
        assert!(
            key.expose()[AccessKey::PREFIX.len()..]
                .chars()
                .all(alphabet)
        );
    }
}
