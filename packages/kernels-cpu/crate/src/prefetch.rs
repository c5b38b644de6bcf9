//! Asking for memory before it is read: one head's rows lie too far apart for the CPU to foresee them.

use crate::lanes::LANES;
use crate::matmul::View;
use std::ops::Range;

/// Brings the first columns of some rows, which lie next to each other, closer to this core.
#[inline(always)]
pub fn prefetch_rows(x: View, rows: Range<usize>, columns: usize) {
    #[cfg(target_arch = "x86_64")]
    for row in rows {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        let row = &x.data[row * x.row_step..][..columns];
        // The last column may lie on a line of its own, since rows need not begin with a line.
        for value in row.iter().step_by(LANES).chain(row.last()) {
            // SAFETY: a hint, which any x86-64 takes.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(std::ptr::from_ref(value).cast()) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (x, rows, columns);
}
