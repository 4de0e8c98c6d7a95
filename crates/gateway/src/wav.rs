//! How long a sound in a WAV file lasts, by its headers (RIFF; Microsoft, "Multimedia Programming Interface and Data
//! Specifications 1.0").
//!
//! V1 what is no plain WAV has no length here (`what_is_no_plain_wav_has_no_length`).

/// Chunks that are looked through before the samples.
const CHUNKS_MAX: usize = 64;
/// Encodings whose samples have a size: integers, floats, and the form that says which of them it is.
const PLAIN: [u16; 3] = [1, 3, 0xfffe];

/// The length of a sound in whole seconds, rounded up; nothing if this is no WAV file of plain samples.
pub(crate) fn seconds(file: &[u8]) -> Option<u64> {
    if file.get(..4)? != b"RIFF" || file.get(8..12)? != b"WAVE" {
        return None;
    }
    let mut rest = file.get(12..)?;
    let mut second = None;
    for _ in 0..CHUNKS_MAX {
        let (kind, length) = (rest.get(..4)?, u32::from_le_bytes(rest.get(4..8)?.try_into().ok()?));
        let length = usize::try_from(length).ok()?;
        let content = rest.get(8..)?;
        if kind == b"fmt " {
            second = Some(second_of(content.get(..length)?)?);
        } else if kind == b"data" {
            // What is written before its length is known says nothing, or too much.
            let there = content.len();
            let length = if length == 0 { there } else { length.min(there) };
            return Some(u64::try_from(length).ok()?.div_ceil(second?));
        }
        // Chunks have an even length.
        rest = content.get(length.checked_add(length % 2)?..)?;
    }
    None
}

/// Bytes of a second.
fn second_of(format: &[u8]) -> Option<u64> {
    let short = |at: usize| Some(u16::from_le_bytes(format.get(at..at + 2)?.try_into().ok()?));
    let (encoding, channels, bits) = (short(0)?, short(2)?, short(14)?);
    let rate = u32::from_le_bytes(format.get(4..8)?.try_into().ok()?);
    if !PLAIN.contains(&encoding) {
        return None;
    }
    let second = u64::from(rate) * u64::from(channels) * u64::from(bits.div_ceil(8));
    (second > 0).then_some(second)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    /// A file of so many samples of 16 bits on two channels at 8,000 a second, whose header says this length.
    fn file(samples: usize, said: u32, encoding: u16) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
        file.extend(encoding.to_le_bytes());
        file.extend(2_u16.to_le_bytes());
        file.extend(8_000_u32.to_le_bytes());
        file.extend(32_000_u32.to_le_bytes());
        file.extend([4, 0, 16, 0]);
        file.extend(b"data");
        file.extend(said.to_le_bytes());
        file.extend(vec![0; samples * 4]);
        file
    }

    #[test]
    fn a_wav_file_says_how_long_it_is() {
        for (samples, said, expected) in [
            (16_000, 64_000, 2),
            (16_001, 64_004, 3),
            (1, 4, 1),
            (0, 0, 0),
            (16_000, 0, 2),
            (16_000, u32::MAX, 2),
            (16_000, 32_000, 1),
        ] {
            assert_eq!(seconds(&file(samples, said, 1)), Some(expected), "{samples} {said}");
        }
    }

    #[test]
    fn what_is_no_plain_wav_has_no_length() {
        let good = file(16_000, 64_000, 1);
        for end in 0..56 {
            assert_eq!(seconds(&good[..end]), None, "{end}");
        }
        // Compressed samples, no samples a second, no format before the samples, another kind of file.
        assert_eq!(seconds(&file(16_000, 64_000, 0x11)), None);
        let mut still = good.clone();
        still[36..40].fill(0);
        assert_eq!(seconds(&still), None);
        let mut late = good.clone();
        late[24..28].copy_from_slice(b"junk");
        assert_eq!(seconds(&late), None);
        let mut other = good;
        other[..4].copy_from_slice(b"RIFX");
        assert_eq!(seconds(&other), None);
        let chunks = [&b"RIFF\0\0\0\0WAVE"[..], &b"junk\0\0\0\0".repeat(10_000)].concat();
        assert_eq!(seconds(&chunks), None);
        let long = [&b"RIFF\0\0\0\0WAVE"[..], b"junk\xff\xff\xff\xff"].concat();
        assert_eq!(seconds(&long), None);
    }
}
