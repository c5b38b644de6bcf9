//! Cache lines of a packed weight in memory of the ordinary kind.

use crate::int8_dot::Line;

/// Lines of zeros to write to, of a fixed number.
///
/// They begin at the first aligned place of a vector of bytes. A vector of lines would be aligned by the allocator, and
/// the one of glibc before 2.38 often does not use such memory again once it is freed.
pub struct Lines {
    bytes: Vec<i8>,
    count: usize,
}

impl Lines {
    pub fn zeros(count: usize) -> Self {
        Lines {
            bytes: vec![0; (count + 1) * size_of::<Line>()],
            count,
        }
    }

    pub fn as_slice(&self) -> &[Line] {
        // SAFETY: a line is 64 bytes, of any values.
        let (_, lines, _) = unsafe { self.bytes.align_to::<Line>() };
        &lines[..self.count]
    }

    pub fn as_mut_slice(&mut self) -> &mut [Line] {
        // SAFETY: as above.
        let (_, lines, _) = unsafe { self.bytes.align_to_mut::<Line>() };
        &mut lines[..self.count]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_is_written() {
        for count in [0, 1, 2, 7, 1000] {
            let mut lines = Lines::zeros(count);
            assert!(lines.as_slice().len() == count && lines.as_mut_slice().len() == count);
            assert!(lines.as_slice().iter().all(|line| line.0 == [0; 64]));
            for (i, line) in lines.as_mut_slice().iter_mut().enumerate() {
                assert_eq!(std::ptr::from_ref(line) as usize % 64, 0);
                line.0[i % 64] = 1;
            }
            for (i, line) in lines.as_slice().iter().enumerate() {
                assert!(line.0[i % 64] == 1 && line.0.iter().filter(|&&value| value != 0).count() == 1);
            }
        }
    }
}
