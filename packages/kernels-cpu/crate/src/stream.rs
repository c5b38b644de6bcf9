//! Writing results that no cache will hold until they are read.

/// Bytes of a result from which on it goes to memory past the caches: a write through them first reads what it
/// overwrites, which at that size comes from memory as well.
pub const STREAM_BYTES: usize = 4 << 20;

/// out = values, past the caches where the CPU can; `fence` must follow before other threads read.
pub fn stream(values: &[f32], out: &mut [f32]) {
    assert_eq!(values.len(), out.len(), "the output's length is not its input's");
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_mm_loadu_ps, _mm_stream_ps};
        let head = out.as_ptr().align_offset(16).min(out.len());
        let (first, rest) = values.split_at(head);
        let (first_out, rest_out) = out.split_at_mut(head);
        first_out.copy_from_slice(first);
        let ((quads, tail), (quads_out, tail_out)) = (rest.as_chunks::<4>(), rest_out.as_chunks_mut::<4>());
        for (values, out) in quads.iter().zip(quads_out) {
            // SAFETY: both are four floats, `out` on a multiple of 16 bytes; x86-64 has these instructions.
            unsafe { _mm_stream_ps(out.as_mut_ptr(), _mm_loadu_ps(values.as_ptr())) };
        }
        tail_out.copy_from_slice(tail);
    }
    #[cfg(not(target_arch = "x86_64"))]
    out.copy_from_slice(values);
}

/// Makes what this thread streamed visible to the others.
pub fn fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: x86-64 has this instruction.
    unsafe {
        std::arch::x86_64::_mm_sfence()
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_at_any_place_and_length() {
        let values: Vec<f32> = (0..100).map(|i| i as f32).collect();
        for start in 0..8 {
            for length in 0..40 {
                let mut out = vec![-1f32; 64];
                stream(&values[start..start + length], &mut out[start..start + length]);
                fence();
                let expected = |i: usize| {
                    if (start..start + length).contains(&i) {
                        i as f32
                    } else {
                        -1.0
                    }
                };
                assert!(out.iter().enumerate().all(|(i, &value)| value == expected(i)));
            }
        }
    }
}
